"""What is to be done now to cells that the control plane has no rights on, for whoever has them; and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from chassis.identity import CellName
from control_plane.fleet.desk import RolloutRefused
from control_plane.fleet.upgrading import Turn, going_back, had
from control_plane.provision.interface import MigrationLimits
from control_plane.registry import CellStage, Conflict, Registry, Rollout, RolloutCell, RolloutKind, RolloutState

LEASE_S = 10.0
"""An applier that is not heard of for so long is away; another may go on then."""
TRIES_MAX = 20
log = structlog.get_logger("control_plane.fleet")


@dataclass(frozen=True, slots=True)
class Ordered:
    """Until it is ordered no more, or something else is. May be done again at any time."""

    cell: CellName
    version: str
    back: bool = False
    limits: MigrationLimits | None = None
    """Of its tables, which are all that is to change; None: its processes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`problem`: why it could not be done; empty: it was done."""

    cell: CellName
    version: str
    problem: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Orders:
    registry: Registry
    elsewhere: bool
    """False: the control plane does all of it itself."""
    lease_s: float = LEASE_S

    async def take_up(self, reference: str, holder: str, name: str) -> tuple[Rollout, tuple[Ordered, ...]]:
        """What `holder` is to do now; said again within the lease. Raises RolloutRefused, RolloutUnknown, Conflict: another is at it."""
        if not self.elsewhere:
            raise RolloutRefused("this control plane changes its cells itself; nobody else is to")
        rollout = await self.registry.rollouts.require(reference)
        if rollout.ended:
            return rollout, ()
        rollout = await self._ours(rollout, holder, name)
        cells = await self.registry.rollouts.cells(rollout.id, CellStage.WORKING, CellStage.UNDOING)
        return rollout, tuple(_ordered(rollout, cell) for cell in cells)

    async def note(self, reference: str, holder: str, outcome: Outcome) -> Rollout:
        """Code that cannot be had turns the rollout back; tables that cannot be changed halt it; the way back is tried again and again.

        What is not ordered any more changes nothing. Raises RolloutUnknown, Conflict.
        """
        for _ in range(TRIES_MAX):
            rollout = await self.registry.rollouts.require(reference)
            if not rollout.ended and rollout.applier is not None and rollout.applier.holder != holder:
                raise _taken(rollout)
            step = noted(rollout, await self.registry.rollouts.cells(rollout.id), outcome)
            if step is None:
                return rollout
            state = None if step.state is rollout.state else step.state
            try:
                return await self.registry.rollouts.record(rollout, step.cells, state=state, problem=step.problem)
            except Conflict:
                continue
        raise Conflict(f"rollout {reference} goes on too fast; try again")

    async def _ours(self, rollout: Rollout, holder: str, name: str) -> Rollout:
        taken = await self.registry.rollouts.take_up(rollout.id, holder, name, self.lease_s)
        if taken.applier is None or taken.applier.holder != holder:
            raise _taken(taken)
        if rollout.applier is None:
            log.info("rollout_is_applied", rollout=rollout.id, by=name)
        return taken


def _taken(rollout: Rollout) -> Conflict:
    by = rollout.applier.name if rollout.applier else "somebody"
    return Conflict(f"{rollout.id} is applied by {by} already; whoever comes {LEASE_S:g} s after that ended goes on")


def _ordered(rollout: Rollout, cell: RolloutCell) -> Ordered:
    if rollout.kind is RolloutKind.SCHEMA:
        limits = MigrationLimits(float(rollout.facts["lock_timeout_s"]), float(rollout.facts["statement_timeout_s"]))
        return Ordered(cell.cell, rollout.target, limits=limits)
    if cell.stage is CellStage.UNDOING:
        return Ordered(cell.cell, had(rollout, cell), back=True)
    return Ordered(cell.cell, rollout.target)


def noted(rollout: Rollout, cells: Sequence[RolloutCell], outcome: Outcome) -> Turn | None:
    """What an outcome changes; None: nothing, as when it is not ordered any more. Pure."""
    cell = next((one for one in cells if one.cell == outcome.cell), None)
    if cell is None:
        return None
    if rollout.kind is RolloutKind.SCHEMA:
        ordered = cell.stage is CellStage.WORKING and outcome.version == rollout.target
        return _tables(rollout, cell, outcome) if ordered else None
    wanted = had(rollout, cell) if cell.stage is CellStage.UNDOING else rollout.target
    if cell.stage not in (CellStage.WORKING, CellStage.UNDOING) or outcome.version != wanted:
        return None
    if not outcome.problem:
        return _with(rollout, replace(cell, facts={**cell.facts, "applied": outcome.version}))
    if cell.stage is CellStage.UNDOING:
        return _with(rollout, replace(cell, problem=outcome.problem))
    after = [one.at(CellStage.FAILED, problem=outcome.problem) if one is cell else one for one in cells]
    return going_back(rollout, cells, f"{cell.cell}: {outcome.problem}", after)


def _tables(rollout: Rollout, cell: RolloutCell, outcome: Outcome) -> Turn:
    """What happened to a database is a fact, whatever became of the rollout meanwhile."""
    if not outcome.problem:
        return _with(rollout, cell.at(CellStage.DONE, problem="", revision=outcome.revision))
    failed = cell.at(CellStage.FAILED, problem=outcome.problem)
    return _with(rollout, failed) if rollout.ended else Turn(RolloutState.HALTED, rollout.wave, outcome.problem, (failed,))


def _with(rollout: Rollout, cell: RolloutCell) -> Turn:
    return Turn(rollout.state, rollout.wave, rollout.problem, (cell,))
