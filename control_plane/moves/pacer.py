"""Judges the pace of every cell from its vital signs, and lets moves begin by it. Any number of replicas may; the rows agree for them."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import structlog
from prometheus_client import Counter, Gauge

from control_plane.moves.pace import ALLOWED_FIRST, ALLOWED_MAX, RECENT_LEAST, Complaint, Pace, Seen, judge
from control_plane.registry import DATABASE_AWAY, Cell, CellState, Move, MoveState, MoveStep, Registry, StoredPace, is_admitted

EVERY_S = 1.0
JUDGE_S = 2.0
"""Between two judgements of a cell in which something runs: as long as an interval of its heartbeats."""
JUDGE_QUIET_S = 10.0
"""Where nothing runs and it is known what is usual."""
WAL_BUDGET_BYTES = 2 * 2**30
SLOWED = (MoveStep.COPY, MoveStep.VERIFY, MoveStep.PURGE)
"""Steps that read or delete every row; nobody waits for them."""

ALLOWED = Gauge("waggle_moves_allowed", "Moves that a cell bears at once, by its pace; below 1: one, slowed so.", ["cell"])
BACKED_OFF = Counter("waggle_moves_backed_off_total", "Times that moves of a cell were halved or held back.", ["cell"])
log = structlog.get_logger("control_plane.moves")


class Pacing(Protocol):
    """What a controller asks before and while it copies."""

    async def admit(self, move: Move) -> bool: ...
    def speed(self, move: Move) -> float: ...


class Unpaced:
    """As fast as possible."""

    async def admit(self, move: Move) -> bool:  # noqa: ARG002
        return True

    def speed(self, move: Move) -> float:  # noqa: ARG002
        return 1.0


@dataclass
class Pacer:
    registry: Registry
    allowed_max: float = ALLOWED_MAX
    wal_budget_bytes: int = WAL_BUDGET_BYTES
    looks: bool = True
    """False: a cell takes as many as `allowed_max` at full speed, whoever feels it, as when it must be empty before it breaks."""
    judge_s: float = JUDGE_S
    judge_quiet_s: float = JUDGE_QUIET_S
    _known: dict[str, StoredPace] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.sweep()
            except DATABASE_AWAY as error:
                log.warning("database_away", error=repr(error))
            await asyncio.sleep(EVERY_S)

    async def sweep(self) -> None:
        """Judge every cell whose last judgement is old enough."""
        cells = [cell for cell in await self.registry.cells.list() if cell.state is not CellState.RETIRED]
        self._known = await self.registry.paces.list(tuple(cell.name for cell in cells))
        for cell in cells:
            stored = self._known[cell.name]
            if self.looks and stored.age_s >= self._judged_every_s(stored):
                await self._judge(cell, stored)

    async def _judge(self, cell: Cell, stored: StoredPace) -> None:
        before = pace_of(stored.state)
        now = judge(before, Seen(cell.name, cell.vital_signs, stored.ran_lately, self.wal_budget_bytes), self.allowed_max)
        ALLOWED.labels(cell.name).set(self._bounded(now).allowed)
        if now == before or not await self.registry.paces.store(stored, asdict(now)):
            return
        self._known[cell.name] = replace(stored, version=stored.version + 1, state=asdict(now), age_s=0.0)
        if now.complaint is not None and (before.complaint is None or now.allowed < before.allowed):
            BACKED_OFF.labels(cell.name).inc()
            log.warning("moves_back_off", cell=cell.name, why=now.complaint.why, allowed=round(now.allowed, 2))
        elif now.complaint is None and before.complaint is not None:
            log.info("moves_go_on", cell=cell.name, allowed=round(now.allowed, 2))

    def _judged_every_s(self, stored: StoredPace) -> float:
        pace = pace_of(stored.state)
        settled = not stored.ran_lately and pace.complaint is None and len(pace.quiet_ms) >= RECENT_LEAST
        return self.judge_quiet_s if settled else self.judge_s

    async def admit(self, move: Move) -> bool:
        """Whether the move may begin; written down with the move, so it is asked once."""
        return is_admitted(move) or await self.registry.paces.admit(move, self._allows)

    def _allows(self, state: Mapping[str, Any], running: int) -> bool:
        return self._bounded(pace_of(state)).may_start(running)

    def _bounded(self, pace: Pace) -> Pace:
        """A limit that was lowered holds at once."""
        if not self.looks:
            return Pace(self.allowed_max)
        return pace.within(self.allowed_max)

    def speed(self, move: Move) -> float:
        """Share of full speed for its copy, as of a second ago: of its two cells the one that bears less decides."""
        return min(self._speed(move.source), self._speed(move.target))

    def _speed(self, cell: str) -> float:
        stored = self._of(cell)
        return 1.0 if stored is None else self._pace(cell).speed(stored.running)

    def waiting(self, move: Move) -> str:
        """Why a move that was not let begin waits, or is slow; empty: neither."""
        if move.state is not MoveState.RUNNING:
            return ""
        if is_admitted(move):
            return self._slowed(move)
        for cell in (move.source, move.target):
            pace, stored = self._pace(cell), self._of(cell)
            if pace.complaint is not None:
                return pace.complaint.why
            if stored is not None and stored.running >= pace.at_once:
                return f"{stored.running} of {pace.at_once} moves run on {cell}"
        return ""

    def _slowed(self, move: Move) -> str:
        speed, cell = min((self._speed(cell), cell) for cell in (move.source, move.target))
        if speed >= 1.0 or move.step not in SLOWED:
            return ""
        pace, stored = self._pace(cell), self._of(cell)
        bears = f"{cell} bears {pace.allowed:.2g} of {stored.running if stored is not None else 1} that run"
        return f"at {speed:.0%} of full speed: {pace.complaint.why if pace.complaint is not None else bears}"

    def at_once(self, cell: str) -> int:
        """Moves that whoever has many to order may have begun of a cell: as many as it bears, and one that waits its turn."""
        return self._pace(cell).at_once + 1

    def _of(self, cell: str) -> StoredPace | None:
        return self._known.get(cell)

    def _pace(self, cell: str) -> Pace:
        stored = self._of(cell)
        return self._bounded(pace_of(stored.state if stored is not None else {}))


def pace_of(state: Mapping[str, Any]) -> Pace:
    """As it was stored; what an older or newer version stored otherwise is begun anew."""
    if not state:
        return Pace()
    told = state.get("complaint")
    return Pace(
        allowed=float(state.get("allowed", ALLOWED_FIRST)),
        quiet_ms=tuple(state.get("quiet_ms", ())),
        recent_ms=tuple(state.get("recent_ms", ())),
        lag_bytes=int(state.get("lag_bytes", 0)),
        complaint=Complaint(told["why"], told["slows"]) if told else None,
        resting=int(state.get("resting", 0)),
        deserted=int(state.get("deserted", 0)),
    )
