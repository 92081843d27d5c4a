"""A rollout of a schema: a few cells of the present wave at a time, each one transaction in its own database."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from control_plane.fleet.serving import LEFT_OUT, SERVING
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import MigrationLimits, Provisioner
from control_plane.registry import CellStage, Conflict, Registry, Rollout, RolloutCell, RolloutState

AT_ONCE_MAX = 4
TRIES_MAX = 20
log = structlog.get_logger("control_plane.fleet")


@dataclass(frozen=True, slots=True)
class Migrating:
    registry: Registry
    provisioner: Provisioner
    elsewhere: bool = False
    """Somebody else migrates those in hand (orders.py)."""

    async def turn(self, rollout: Rollout) -> bool:
        """Whether there was something to do. What a killed replica had in hand is begun again: it is done whole or not at all."""
        if rollout.state is not RolloutState.RUNNING:
            return False
        rollout, wave = await self._of_those_that_serve(rollout)
        if all(cell.stage is CellStage.DONE for cell in wave):
            await self._next_wave(rollout)
            return True
        if self.elsewhere:
            if rollout.applier is not None:
                await self._begun(rollout, wave)
            return False
        begun = await self._begun(rollout, wave)
        await asyncio.gather(*(self._migrate(rollout, cell) for cell in begun))
        return bool(begun)

    async def _of_those_that_serve(self, rollout: Rollout) -> tuple[Rollout, Sequence[RolloutCell]]:
        serving = {cell.name for cell in await self.registry.cells.list() if cell.state in SERVING}
        wave = await self.registry.rollouts.cells(rollout.id, wave=rollout.wave)
        gone = [cell for cell in wave if cell.cell not in serving and cell.stage is not CellStage.DONE]
        if not gone:
            return rollout, wave
        left_out = [cell.at(CellStage.DONE, problem=LEFT_OUT) for cell in gone]
        return await self.registry.rollouts.record(rollout, left_out), [cell for cell in wave if cell not in gone]

    async def _next_wave(self, rollout: Rollout) -> None:
        last = rollout.wave + 1 >= len(rollout.waves)
        state, wave = (RolloutState.DONE, rollout.wave) if last else (rollout.state, rollout.wave + 1)
        await self.registry.rollouts.record(rollout, state=state, wave=wave, problem="")

    async def _begun(self, rollout: Rollout, wave: Sequence[RolloutCell]) -> list[RolloutCell]:
        """Those in hand, and as many that wait as there is room for; one that moves touch goes on waiting, and says so."""
        begun = [cell for cell in wave if cell.stage is CellStage.WORKING]
        for cell in wave:
            if cell.stage is not CellStage.WAITING or len(begun) >= AT_ONCE_MAX:
                continue
            rollout, moves = await self.registry.rollouts.begin_schema(rollout, cell)
            if not moves:
                begun.append(cell.at(CellStage.WORKING, problem=""))
                continue
            held = f"waits for {moves} moves of it, running or in their windows (waggle move list)"
            if cell.problem != held:
                rollout = await self.registry.rollouts.record(rollout, (cell.at(cell.stage, problem=held),))
        return begun

    async def _migrate(self, rollout: Rollout, cell: RolloutCell) -> None:
        limits = MigrationLimits(float(rollout.facts["lock_timeout_s"]), float(rollout.facts["statement_timeout_s"]))
        try:
            revision = await self.provisioner.migrate(cell.cell, rollout.target, limits)
        except ProvisionError as error:
            log.warning("migration_halted", rollout=rollout.id, cell=cell.cell, problem=str(error))
            await self._note(rollout.id, cell.at(CellStage.FAILED, problem=str(error)), halted=str(error))
        else:
            log.info("cell_migrated", rollout=rollout.id, cell=cell.cell, revision=revision)
            await self._note(rollout.id, cell.at(CellStage.DONE, problem="", revision=revision))

    async def _note(self, rollout_id: str, cell: RolloutCell, halted: str = "") -> None:
        """What happened to a database is a fact, whatever became of the rollout meanwhile."""
        for _ in range(TRIES_MAX):
            rollout = await self.registry.rollouts.require(rollout_id)
            halts = bool(halted) and not rollout.ended
            try:
                await self.registry.rollouts.record(
                    rollout, (cell,), state=RolloutState.HALTED if halts else None, problem=halted if halts else None
                )
            except Conflict:
                continue
            return
