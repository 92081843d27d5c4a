"""How much moving a cell bears beside its people: found by additive increase and multiplicative decrease, as TCP finds a line's rate.

One number a cell, `allowed`, counts moves: 3.5 lets three run at once, 0.25 one, with its copy at a quarter of full speed. Pure: what
is decided depends on the pace as it was stored and on what is seen, so any replica decides the same (docs/adr/0016-pace-of-moves.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from control_plane.registry import VitalSigns

ALLOWED_MAX = 4.0
ALLOWED_FIRST = 0.15
"""Where people are: a move of some ten thousand rows at full speed is over before it is heard how they fared."""
ALLOWED_UNKNOWN_MAX = 1.0
"""Where nobody knows yet what is usual."""
ALLOWED_LEAST = 0.1
"""Never none: a move that stands still keeps WAL, and would never end."""
STEP_UP = 0.25
STEP_UP_SLOW = 0.05
"""While one move is slowed."""
STEP_DOWN = 0.5
RECENT = 5
"""Samples that are judged together, by their median: one slow request in 2 s is no slow cell."""
RECENT_LEAST = 3
FAR_RATIO, FAR_LEAST = 2.0, 2
"""So many samples in a row, each so many times above the limit, are not waited after."""
QUIET = 30
"""Samples without moves that say what is usual here."""
REQUESTS_LEAST = 20
"""In a sample: fewer have no p99 to speak of, and hardly anybody to disturb."""
DESERTED_LEAST = 2
"""Samples in a row with so few: nobody is there to be disturbed, so there is no reason to begin with one move."""
P99_RATIO_MAX = 1.2
P99_MORE_MS_MAX = 5.0
"""Below what is promised (1.25 times, or 10 ms more): how people fare is heard seconds late."""
ROOM_SHARE = 0.5
"""Of the way from the usual to the limit: up to there a move may go faster. Between there and the limit it goes on as it goes."""
ERRORS_LEAST = 5
ERRORS_SHARE_MAX = 0.01
LAG_BYTES_LEAST = 16 * 2**20
"""Less is no lag to speak of, even when it grows."""
WAL_SHARE_MAX = 0.5
"""Of the budget: from here on no further move begins."""
REST_SAMPLES_MAX = 30
"""With no move running: after so many what is worse than usual is the usual, and a cell that bore many moves begins with one."""


@dataclass(frozen=True, slots=True)
class Complaint:
    why: str
    slows: bool
    """Whether copies go slower, too. Where WAL is kept or lags, a slower copy would only keep more of it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Of one cell; all of it is stored."""

    allowed: float = ALLOWED_FIRST
    quiet_ms: tuple[float, ...] = ()
    """The p99 of intervals in which nothing was moved (or next to nothing), the latest last."""
    recent_ms: tuple[float, ...] = ()
    """The p99 of intervals since the pace was last changed for the worse, or moves began or ended; the latest last."""
    lag_bytes: int = 0
    complaint: Complaint | None = None
    resting: int = 0
    """Samples since the last with a move in it, up to REST_SAMPLES_MAX."""
    deserted: int = 0
    """Samples in a row in which hardly anybody was there, up to DESERTED_LEAST."""

    @property
    def is_deserted(self) -> bool:
        return self.deserted >= DESERTED_LEAST

    def within(self, allowed_max: float) -> "Pace":
        """As it holds now. Where nobody is, all that may be; what was learnt with people there is kept for when they come back."""
        free = self.is_deserted and self.complaint is None
        return replace(self, allowed=allowed_max if free else min(self.allowed, allowed_max))

    @property
    def usual_ms(self) -> float | None:
        """None: not known yet."""
        return median(self.quiet_ms) if len(self.quiet_ms) >= RECENT_LEAST else None

    @property
    def limit_ms(self) -> float | None:
        """Above this p99 moves are in the way."""
        return None if self.usual_ms is None else max(self.usual_ms * P99_RATIO_MAX, self.usual_ms + P99_MORE_MS_MAX)

    @property
    def has_room(self) -> bool:
        """Whether people fare so well that more may be tried."""
        if self.usual_ms is None or self.limit_ms is None:
            return True
        return median(self.recent_ms) <= self.usual_ms + (self.limit_ms - self.usual_ms) * ROOM_SHARE

    @property
    def far_ms(self) -> float:
        """The least of the last samples where each is far above the limit, else 0."""
        last = self.recent_ms[-FAR_LEAST:]
        far = len(last) == FAR_LEAST and self.limit_ms is not None and min(last) > self.limit_ms * FAR_RATIO
        return min(last) if far else 0.0

    @property
    def at_once(self) -> int:
        return max(1, int(self.allowed))

    def may_start(self, running: int) -> bool:
        return self.complaint is None and running < self.at_once

    def speed(self, running: int) -> float:
        """Share of full speed for each copy."""
        if self.complaint is not None and not self.complaint.slows:
            return 1.0
        return min(1.0, self.allowed / max(running, 1))


@dataclass(frozen=True, slots=True)
class Seen:
    cell: str
    signs: VitalSigns | None
    running: int
    """Moves that ran there in this interval."""
    wal_budget_bytes: int

    @property
    def sample_ms(self) -> float:
        """0 where hardly anybody was there."""
        return self.signs.p99_ms if self.signs is not None and not self.is_deserted else 0.0

    @property
    def is_deserted(self) -> bool:
        return self.signs is not None and self.signs.requests < REQUESTS_LEAST


def judge(pace: Pace, seen: Seen, allowed_max: float = ALLOWED_MAX) -> Pace:
    """The pace after one more interval. A cell that says nothing keeps its pace: that is no sign of health, nor of suffering."""
    if seen.signs is None:
        return pace
    people_came = pace.is_deserted and not seen.is_deserted
    pace = replace(pace, deserted=min(pace.deserted + 1, DESERTED_LEAST) if seen.is_deserted else 0)
    before = pace.recent_ms if bool(pace.resting) is not bool(seen.running) and not people_came else ()
    looked = replace(pace, recent_ms=_longer(before, seen.sample_ms, RECENT))
    if not seen.running or pace.allowed <= ALLOWED_LEAST:
        looked = replace(looked, quiet_ms=_learnt(pace, seen))
    complaint = _complaint(looked, seen)
    judged = replace(looked, lag_bytes=seen.signs.replication_lag_bytes)
    if not seen.running:
        return _at_rest(judged, complaint, allowed_max)
    return _slower(judged, complaint) if complaint else _faster(judged, seen, allowed_max)


def _learnt(pace: Pace, seen: Seen) -> tuple[float, ...]:
    """At the least pace what people feel is not the moves' doing either: a cell that got busier by itself is not held back for ever."""
    return _longer(pace.quiet_ms, seen.sample_ms, QUIET) if seen.sample_ms else pace.quiet_ms


def _longer(samples: Sequence[float], sample: float, most: int) -> tuple[float, ...]:
    return (*samples, sample)[-most:]


def _complaint(pace: Pace, seen: Seen) -> Complaint | None:
    signs, where = seen.signs, f"on {seen.cell}"
    assert signs is not None
    now_ms = median(pace.recent_ms) if len(pace.recent_ms) >= RECENT_LEAST else 0.0
    if pace.limit_ms is not None and max(now_ms, pace.far_ms) > pace.limit_ms:
        return Complaint(f"neighbours' p99 {max(now_ms, pace.far_ms):.0f} ms > {pace.limit_ms:.0f} ms {where}", slows=True)
    if signs.errors >= ERRORS_LEAST and signs.error_share > ERRORS_SHARE_MAX:
        return Complaint(f"{signs.errors} of {signs.requests} requests failed {where}", slows=True)
    if signs.wal_retained_bytes > seen.wal_budget_bytes * WAL_SHARE_MAX:
        kept, budget = _mib(signs.wal_retained_bytes), _mib(seen.wal_budget_bytes)
        return Complaint(f"a move keeps {kept} of WAL, more than half its budget of {budget}, {where}", slows=False)
    if signs.replication_lag_bytes > max(LAG_BYTES_LEAST, pace.lag_bytes):
        return Complaint(f"replication lag grows, {_mib(signs.replication_lag_bytes)} {where}", slows=False)
    return None


def _at_rest(pace: Pace, complaint: Complaint | None, allowed_max: float) -> Pace:
    """No move runs: whatever is felt is no move's doing, so a cell at rest takes up no complaint; it drops one.

    What it learnt stays for a while, and for longer only what was learnt of its weakness, as TCP forgets a window it has not used.
    """
    resting = min(pace.resting + 1, REST_SAMPLES_MAX)
    healed = complaint is None and len(pace.recent_ms) >= RECENT_LEAST
    if pace.complaint is not None and not healed and resting < REST_SAMPLES_MAX:
        return replace(pace, resting=resting)
    most = min(allowed_max, ALLOWED_FIRST) if resting >= REST_SAMPLES_MAX else allowed_max
    return replace(pace, complaint=None, resting=resting, allowed=min(pace.allowed, most))


def _slower(pace: Pace, complaint: Complaint) -> Pace:
    """Halved once; what is felt then is judged anew before it is halved again."""
    least = ALLOWED_LEAST if complaint.slows else 1.0
    allowed = pace.allowed if pace.allowed <= least else max(least, pace.allowed * STEP_DOWN)
    return replace(pace, allowed=allowed, recent_ms=(), complaint=complaint, resting=0)


def _faster(pace: Pace, seen: Seen, allowed_max: float) -> Pace:
    """Up a step where the pace is what holds moves back, after enough good samples; not past the first where nobody knows what is usual."""
    if len(pace.recent_ms) < RECENT_LEAST:
        return replace(pace, resting=0)
    if pace.is_deserted or not pace.has_room:  # where nobody is, nothing is learnt of what people bear
        return replace(pace, complaint=None, resting=0)
    most = allowed_max if pace.usual_ms is not None or not any(pace.recent_ms) else min(ALLOWED_UNKNOWN_MAX, allowed_max)
    step = STEP_UP_SLOW if pace.allowed < 1.0 else STEP_UP if seen.running >= pace.at_once else 0.0
    return replace(pace, allowed=max(ALLOWED_LEAST, min(round(pace.allowed + step, 2), most)), complaint=None, resting=0)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
