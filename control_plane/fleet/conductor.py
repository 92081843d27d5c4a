"""Takes the next turn of what goes through the fleet. All memory is in rows, so any replica may take it, and any may die."""

import asyncio
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter

from chassis.clock import Clock
from chassis.identity import CellName
from control_plane.fleet.migrating import Migrating
from control_plane.fleet.serving import SERVING
from control_plane.fleet.upgrading import Look, Sight, going_back, sight_of, turn
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import Provisioner
from control_plane.registry import DATABASE_AWAY, CellStage, Conflict, Registry, Rollout, RolloutCell, RolloutKind, RolloutState

EVERY_S = 0.5
LEASE_S = 3.0
"""Renewed at every look; a replica that stalls for longer loses it, and its next write is refused."""
SETTLED_S = 6.0
"""Cells that could not be heard try again at least every 2 s, and wait 2 s for an answer."""

ENDED = Counter("waggle_fleet_rollouts_ended_total", "Rollouts and migrations that ended or halted, by how.", ["kind", "state"])
log = structlog.get_logger("control_plane.fleet")


class LeaseLost(Exception):
    """Another replica has the rollout."""


@dataclass
class Conductor:
    registry: Registry
    provisioner: Provisioner
    clock: Clock
    lease_s: float = LEASE_S
    settled_s: float = SETTLED_S
    elsewhere: bool = False
    """Somebody with rights of their own carries out what is said (orders.py)."""
    holder: str = field(default_factory=lambda: secrets.token_hex(8))
    _began_s: float = 0.0
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Something was begun or turned: look now."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        self._began_s = self.clock.monotonic_s()
        while True:
            try:
                await self.sweep()
            except DATABASE_AWAY as error:
                log.warning("database_away", error=repr(error))
            except (Conflict, LeaseLost):
                log.info("rollout_went_on_elsewhere")
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._woken.wait()
            except TimeoutError:
                continue
            finally:
                self._woken.clear()

    async def sweep(self) -> None:
        """One turn, if there is anything and nobody else has it. Raises Conflict, LeaseLost."""
        found = await self.registry.rollouts.unfinished()
        rollout = None if found is None or _rests(found) else await self.registry.rollouts.claim(found.id, self.holder, self.lease_s)
        if rollout is None:
            return
        await self._leased(rollout)
        now = await self.registry.rollouts.require(rollout.id)
        if now.state is not rollout.state:
            log.info("rollout_turned", rollout=now.id, kind=now.kind, target=now.target, state=now.state, problem=now.problem)
            if now.ended or now.state is RolloutState.HALTED:
                ENDED.labels(now.kind, now.state).inc()
        if (now.state, now.wave) != (rollout.state, rollout.wave):
            self.wake()

    async def _leased(self, rollout: Rollout) -> None:
        """Under a lease that is renewed while the turn lasts."""
        work = asyncio.create_task(self._turn(rollout))
        try:
            while True:
                done, _ = await asyncio.wait({work}, timeout=self.lease_s / 3)
                if done:
                    work.result()
                    return
                if not await self._still_ours(rollout.id):
                    raise LeaseLost
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work})

    async def _still_ours(self, rollout_id: str) -> bool:
        """A rollout that somebody ended meanwhile is ours to finish with: what is in hand is noted."""
        if await self.registry.rollouts.claim(rollout_id, self.holder, self.lease_s) is not None:
            return True
        return (await self.registry.rollouts.require(rollout_id)).ended

    async def _turn(self, rollout: Rollout) -> None:
        if rollout.kind is RolloutKind.SCHEMA:
            if await Migrating(self.registry, self.provisioner, self.elsewhere).turn(rollout):
                self.wake()
        else:
            await self._turn_code(rollout)

    async def _turn_code(self, rollout: Rollout) -> None:
        """Stored first, said to the place after: what was stored and not said is said the next time."""
        cells = await self._cells_of(rollout)
        sights = await self._sights()
        settled = self.clock.monotonic_s() - self._began_s >= self.settled_s
        look = Look(sights, self.clock.now_us() / 1e6, settled, self.elsewhere, self._applied_for_s(rollout))
        step = turn(rollout, cells, look)
        if step.changes(rollout):
            rollout = await self.registry.rollouts.record(rollout, step.cells, state=step.state, wave=step.wave, problem=step.problem)
            cells = await self._cells_of(rollout)
        if rollout.ended or self.elsewhere:
            return
        if refused := await self._say(rollout, cells, sights):
            await self._unsaid(rollout, cells, refused)

    def _applied_for_s(self, rollout: Rollout) -> float | None:
        if not self.elsewhere:
            return math.inf
        return None if rollout.applier is None else rollout.applier.for_s

    async def _cells_of(self, rollout: Rollout) -> tuple[RolloutCell, ...]:
        """Every cell that is not waiting, and those of the present wave."""
        touched = await self.registry.rollouts.cells(rollout.id, *(stage for stage in CellStage if stage is not CellStage.WAITING))
        waiting = await self.registry.rollouts.cells(rollout.id, CellStage.WAITING, wave=rollout.wave)
        return (*touched, *waiting)

    async def _sights(self) -> dict[CellName, Sight]:
        wanted = {spec.name: spec.version for spec in await self.provisioner.cells()}
        serving = [cell for cell in await self.registry.cells.list() if cell.state in SERVING]
        return {cell.name: sight_of(cell, wanted.get(cell.name, "")) for cell in serving}

    async def _say(self, rollout: Rollout, cells: Sequence[RolloutCell], sights: Mapping[CellName, Sight]) -> str:
        """What the place refused, of the first cell that it refused."""
        refused = ""
        for cell in cells:
            version = _said_version(rollout, cell)
            if version is None or sights[cell.cell].wanted == version:
                continue
            try:
                await self.provisioner.upgrade(cell.cell, version)
            except ProvisionError as error:
                refused = refused or f"{cell.cell}: {error}"
        return refused

    async def _unsaid(self, rollout: Rollout, cells: Sequence[RolloutCell], why: str) -> None:
        """The place refuses: forwards that is a reason to go back, backwards it is said and tried again."""
        log.warning("upgrade_refused", rollout=rollout.id, problem=why)
        if rollout.state is RolloutState.ROLLING_BACK:
            return
        step = going_back(rollout, cells, why)
        await self.registry.rollouts.record(rollout, step.cells, state=step.state, problem=step.problem)


def _rests(rollout: Rollout) -> bool:
    """Nothing happens before a person says so."""
    return rollout.state is RolloutState.HALTED or (rollout.kind is RolloutKind.SCHEMA and rollout.state is RolloutState.PAUSED)


def _said_version(rollout: Rollout, cell: RolloutCell) -> str | None:
    """What the place is to want of the cell now; None: whatever it wants."""
    if cell.stage is CellStage.WORKING:
        return rollout.target
    return str(cell.facts["had"]) if cell.stage is CellStage.UNDOING else None
