"""Which process to start, end or give up on, and when. Takes facts and yields actions; does nothing itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

STARTING_S_MAX = 90.0
STEADY_S = 10.0
"""Ready for this long, a process has earned that its next end counts as the first."""
HANDOVER_S = 5.0
"""Ready and reached by a router for this long, a process has taken over, and the one it stands in for may drain. Two heartbeats: one
that answers with errors is found out while the one before still serves."""
FIRST_DELAY_S = 0.2
DELAY_S_MAX = 10.0
FAILURES_MAX = 3
"""In a row, before the platform was ever complete: then it is a mistake to report, not an accident to repair."""


class Phase(Enum):
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Wish:
    """A process that should be there, once all it needs is ready (or done). `once`: a task that ends by itself.
    `configured`: whoever typed `up` gave it settings, which may be mistaken. `stands_for`: what it serves as, one of several versions:
    whoever served as that before stays until this one is ready."""

    name: str
    needs: tuple[str, ...] = ()
    once: bool = False
    configured: bool = False
    stands_for: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """What was seen of a process. `since_s`: when it came to this phase, on a clock that never goes back.
    `refused`: it ended because it does not accept its settings."""

    phase: Phase
    since_s: float
    failures: int = 0
    starts: int = 1
    why: str = ""
    refused: bool = False
    stands_for: str = ""
    reached_s: float | None = None
    """Since when a router sends to it; None: none does."""


@dataclass(frozen=True, slots=True)
class Start:
    name: str


@dataclass(frozen=True, slots=True)
class End:
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    name: str
    why: str


Action = Start | End | GiveUp


def decide(wishes: Iterable[Wish], facts: Mapping[str, Fact], now_s: float, complete_before: bool) -> list[Action]:
    """Every action that is due now; the same facts give the same actions, so a lost one is only late."""
    wanted = {wish.name: wish for wish in wishes}
    needed = {wish.stands_for for wish in wanted.values() if wish.stands_for and not _took_over(facts.get(wish.name), now_s)}
    gone = [name for name, fact in facts.items() if name not in wanted and fact.phase is not Phase.ENDED and fact.stands_for not in needed]
    unwanted = [End(name, "no longer wanted") for name in gone]
    return [*unwanted, *(action for wish in wanted.values() if (action := _for(wish, facts, now_s, complete_before)))]


def _took_over(fact: Fact | None, now_s: float) -> bool:
    return fact is not None and fact.phase is Phase.READY and fact.reached_s is not None and now_s - fact.reached_s >= HANDOVER_S


def complete(wishes: Iterable[Wish], facts: Mapping[str, Fact]) -> bool:
    """All that is wanted is ready or done."""
    return all(_satisfied(wish.name, facts) for wish in wishes)


def delay_s(failures: int) -> float:
    """How long to wait before the start after so many failures in a row: 0.2 s, doubling, at most 10 s."""
    return min(DELAY_S_MAX, FIRST_DELAY_S * 2.0 ** min(max(failures - 1, 0), 16))


def starting(before: Fact | None, now_s: float, stands_for: str = "") -> Fact:
    if before is None:
        return Fact(Phase.STARTING, now_s, stands_for=stands_for)
    return replace(before, phase=Phase.STARTING, since_s=now_s, starts=before.starts + 1, reached_s=None)


def ended(before: Fact, now_s: float, why: str, *, refused: bool = False) -> Fact:
    """The failure is the first again for a process that was ready for long."""
    steady = before.phase is Phase.READY and now_s - before.since_s >= STEADY_S
    return replace(before, phase=Phase.ENDED, since_s=now_s, failures=1 if steady else before.failures + 1, why=why, refused=refused)


def _for(wish: Wish, facts: Mapping[str, Fact], now_s: float, complete_before: bool) -> Action | None:
    fact = facts.get(wish.name)
    if fact is None or fact.phase is Phase.ENDED:
        return _start(wish, fact, facts, now_s, complete_before)
    if fact.phase is Phase.STARTING and now_s - fact.since_s > STARTING_S_MAX:
        return End(wish.name, f"not ready after {STARTING_S_MAX:.0f} s")
    return None


def _start(wish: Wish, fact: Fact | None, facts: Mapping[str, Fact], now_s: float, complete_before: bool) -> Action | None:
    if fact and fact.refused and wish.configured and fact.starts == 1:
        return GiveUp(wish.name, fact.why)
    if fact and not complete_before and fact.failures >= FAILURES_MAX:
        return GiveUp(wish.name, f"ended {fact.failures} times in a row: {fact.why}")
    rested = fact is None or now_s - fact.since_s >= delay_s(fact.failures)
    return Start(wish.name) if rested and all(_satisfied(need, facts) for need in wish.needs) else None


def _satisfied(name: str, facts: Mapping[str, Fact]) -> bool:
    fact = facts.get(name)
    return fact is not None and fact.phase in (Phase.READY, Phase.DONE)
