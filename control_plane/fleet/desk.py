"""Where rollouts and migrations are ordered: everything that stands in the way is named before anything is touched."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.errors import WaggleError
from control_plane.fleet.serving import SERVING
from control_plane.fleet.upgrading import going_back
from control_plane.fleet.waves import Wave, waves_of
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import Provisioner
from control_plane.registry import (
    Cell,
    CellStage,
    Conflict,
    NewRollout,
    Registry,
    Rollout,
    RolloutCell,
    RolloutKind,
    RolloutState,
)

TRIES_MAX = 5


class RolloutRefused(WaggleError):
    """Nothing was touched; the message names every reason."""

    code = "rollout_refused"


@dataclass(frozen=True, slots=True)
class Order:
    """Empty `version`: what the control plane itself runs. `canary`: which cell comes first; `without`: which do not come at all.

    `applied`: whoever orders it carries it out, with rights of their own.
    """

    version: str = ""
    canary: str = ""
    without: tuple[str, ...] = ()
    applied: bool = False


@dataclass(frozen=True, slots=True)
class FleetDesk:
    registry: Registry
    provisioner: Provisioner | None
    own_version: str
    elsewhere: bool = False
    """Somebody with rights of their own carries out what is ordered (orders.py)."""

    async def migrate(self, order: Order, lock_timeout_s: float, statement_timeout_s: float) -> Rollout:
        """Begin, or go on with one to the same version that halted or was paused. Raises RolloutRefused, ProvisionError, Conflict."""
        version = order.version or self.own_version
        limits = {"lock_timeout_s": lock_timeout_s, "statement_timeout_s": statement_timeout_s}
        self._require_place(order)
        found = await self.registry.rollouts.unfinished()
        if found is not None and (found.kind, found.target) == (RolloutKind.SCHEMA, version):
            return found if order.applied and found.state is RolloutState.RUNNING else await self._go_on(found, limits)
        await self._provisioner().revisions(version)
        cells = await self._cells(order)
        return await self._insert(RolloutKind.SCHEMA, version, waves_of(cells, order.canary), limits)

    async def roll_out(self, order: Order, bake_s: float, ready_s: float) -> Rollout:
        """Begin; or what is under way to the same version, for who applies it himself. Raises RolloutRefused, ProvisionError, Conflict."""
        version = order.version or self.own_version
        self._require_place(order)
        found = await self.registry.rollouts.unfinished() if order.applied else None
        if found is not None and (found.kind, found.target) == (RolloutKind.CODE, version):
            return found
        revisions = await self._provisioner().revisions(version)
        cells = await self._cells(order)
        behind = [line for cell in cells if (line := _not_fit(cell, revisions))]
        if behind:
            raise RolloutRefused("; ".join(behind))
        older = [cell for cell in cells if {process.version for process in cell.processes if process.healthy} != {version}]
        if not older:
            raise RolloutRefused(f"every cell runs {version} already")
        if self.elsewhere:
            await self._require_migrated(older, version)
        return await self._insert(RolloutKind.CODE, version, waves_of(older, order.canary), {"bake_s": bake_s, "ready_s": ready_s})

    async def pause(self, reference: str) -> Rollout:
        """No cell is begun from now on; those under way are watched, and rolled back if they get worse."""
        return await self._order(reference, (RolloutState.RUNNING,), "pause")

    async def resume(self, reference: str) -> Rollout:
        """Go on: a cell whose migration failed is tried again."""
        return await self._order(reference, (RolloutState.PAUSED, RolloutState.HALTED), "resume")

    async def abort(self, reference: str) -> Rollout:
        """Code: every cell gets back what it had; said while that goes on, it is waited for no longer.

        Schema: what is migrated stays, for the code that runs works with it.
        """
        for _ in range(TRIES_MAX):
            rollout = await self.registry.rollouts.require(reference)
            _require_open(rollout, "abort")
            try:
                if rollout.state is RolloutState.ROLLING_BACK:
                    return await self._given_up(rollout)
                if rollout.kind is RolloutKind.SCHEMA:
                    return await self.registry.rollouts.record(rollout, state=RolloutState.ABORTED)
                return await self._back(rollout)
            except Conflict:
                continue
        raise Conflict(f"rollout {reference} goes on too fast; try again")

    async def _given_up(self, rollout: Rollout) -> Rollout:
        """A cell that never comes back must not keep the fleet from its next version."""
        left = [cell.cell for cell in await self.registry.rollouts.cells(rollout.id, CellStage.UNDOING)]
        said = f"{rollout.problem}; given up while it went back, without a sign of {', '.join(left) or 'nobody'}"
        return await self.registry.rollouts.record(rollout, state=RolloutState.ABORTED, problem=said)

    async def _back(self, rollout: Rollout) -> Rollout:
        cells = await self.registry.rollouts.cells(rollout.id)
        step = going_back(rollout, cells, rollout.problem or "aborted on demand")
        facts = {**rollout.facts, "aborted": True}
        return await self.registry.rollouts.record(rollout, step.cells, state=step.state, facts=facts, problem=step.problem)

    async def _go_on(self, rollout: Rollout, limits: Mapping[str, Any]) -> Rollout:
        if rollout.state is RolloutState.RUNNING:
            raise Conflict(f"{rollout.id} migrates to {rollout.target} already; see: waggle fleet show")
        return await self._resumed(rollout, {**rollout.facts, **limits})

    async def _resumed(self, rollout: Rollout, facts: Mapping[str, Any]) -> Rollout:
        failed = await self.registry.rollouts.cells(rollout.id, CellStage.FAILED)
        again = [cell.at(CellStage.WAITING, problem="") for cell in failed]
        return await self.registry.rollouts.record(rollout, again, state=RolloutState.RUNNING, facts=facts, problem="")

    async def _order(self, reference: str, known: Sequence[RolloutState], word: str) -> Rollout:
        for _ in range(TRIES_MAX):
            rollout = await self.registry.rollouts.require(reference)
            if rollout.state not in known:
                raise RolloutRefused(f"rollout {rollout.id} is {rollout.state}: {word} is for one that is {' or '.join(known)}")
            try:
                if word == "resume":
                    return await self._resumed(rollout, rollout.facts)
                return await self.registry.rollouts.record(rollout, state=RolloutState.PAUSED)
            except Conflict:
                continue
        raise Conflict(f"rollout {reference} goes on too fast; try again")

    async def _insert(self, kind: RolloutKind, version: str, waves: Sequence[Wave], facts: Mapping[str, Any]) -> Rollout:
        cells = [RolloutCell(cell, number) for number, wave in enumerate(waves) for cell in wave.cells]
        return await self.registry.rollouts.insert(NewRollout(kind, version, {**facts, "waves": [wave.name for wave in waves]}, cells))

    async def _cells(self, order: Order) -> list[Cell]:
        """Raises RolloutRefused naming every cell that cannot take part, and how it is left out."""
        serving = [cell for cell in await self.registry.cells.list() if cell.state in SERVING]
        _require_known({order.canary, *order.without} - {""}, {cell.name for cell in serving})
        wanted = [cell for cell in serving if cell.name not in order.without]
        if not wanted:
            raise RolloutRefused("there is no cell that serves")
        if silent := [cell.name for cell in wanted if not cell.healthy]:
            raise RolloutRefused(f"{', '.join(silent)} not heard of in the last 10 s; leave out what is broken with --without CELL")
        if order.canary in order.without and order.canary:
            raise RolloutRefused(f"{order.canary} cannot both come first and be left out")
        return wanted

    async def _require_migrated(self, cells: Sequence[Cell], version: str) -> None:
        """Which revisions an image knows only the image can tell; that it has migrated a cell is on record."""
        fit = await self.registry.rollouts.fit_for(version)
        if behind := [cell.name for cell in cells if cell.name not in fit]:
            raise RolloutRefused(f"the tables of {', '.join(behind)} were not brought to {version}: waggle fleet migrate {version} first")

    def _require_place(self, order: Order) -> None:
        if order.applied and not self.elsewhere:
            raise RolloutRefused("this control plane changes its cells itself: leave out --driver kubernetes")

    def _provisioner(self) -> Provisioner:
        if self.provisioner is None:
            raise ProvisionError("this control plane provisions no cells; upgrade them where they were started")
        return self.provisioner


def _require_known(named: Collection[str], known: Collection[str]) -> None:
    if unknown := sorted(set(named) - set(known)):
        raise RolloutRefused(f"no cell {', '.join(unknown)} serves here; there are {', '.join(sorted(known)) or 'none'}")


def _require_open(rollout: Rollout, word: str) -> None:
    if rollout.ended:
        raise RolloutRefused(f"rollout {rollout.id} is {rollout.state}: there is nothing to {word}")


def _not_fit(cell: Cell, revisions: Sequence[str]) -> str:
    """The tables first, the code that needs them after. A revision that the version does not know is beyond it, which is fine."""
    told = sorted({process.schema_revision for process in cell.processes if process.healthy})
    older = [revision for revision in told if revision in revisions[:-1]]
    return f"the tables of {cell.name} are at {older[0]}, this version needs {revisions[-1]}: waggle fleet migrate first" if older else ""
