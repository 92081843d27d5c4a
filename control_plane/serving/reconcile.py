"""Finishes what a crash or a sleeping cell left unfinished. Takes no input: reads the rows, and acts."""

import asyncio
from dataclasses import dataclass

import structlog
from prometheus_client import Gauge

from chassis.clock import Clock
from chassis.errors import WaggleError
from control_plane.registry import DATABASE_AWAY, Conflict, Registry, Workspace
from control_plane.serving.cell_creation import CellCreation
from control_plane.serving.lifecycle import ADMIT_S_MAX, WorkspaceLifecycle
from control_plane.serving.refusals import one_line

EVERY_S = 3.0
BATCH_MAX = 100
FORGET_SILENT_S = 60.0
"""A process silent for this long leaves the directory, if its cell has another."""

UNFINISHED = Gauge("waggle_control_unfinished_workspaces", "Workspaces in creating, suspending or resuming that could not be finished")
log = structlog.get_logger("control_plane.reconcile")


@dataclass(frozen=True, slots=True)
class Reconciler:
    registry: Registry
    lifecycle: WorkspaceLifecycle
    cell_creation: CellCreation
    clock: Clock
    older_than_s: float = 2 * ADMIT_S_MAX
    """A `creating` row younger than this is still in the hands of the call that made it."""

    async def run(self) -> None:
        """At once, then every 3 s, until cancelled."""
        started_s = self.clock.monotonic_s()
        # At the start nobody has a creation in hand here; a race with another replica's ends in a Conflict, which is no harm.
        older_than_s = 0.0
        while True:
            try:
                await self.sweep(older_than_s)
                await self.cell_creation.repeat_wishes()
                # Not before everyone had the time to be heard of again: this process, too, may have been away.
                if self.clock.monotonic_s() - started_s > FORGET_SILENT_S:
                    await self.registry.heartbeats.forget_silent(FORGET_SILENT_S)
            except DATABASE_AWAY as error:
                log.warning("database_away", error=repr(error))
            older_than_s = self.older_than_s
            await asyncio.sleep(EVERY_S)

    async def sweep(self, older_than_s: float = 0.0) -> list[str]:
        """One pass; returns one sentence for each unfinished row."""
        rows = await self.registry.workspaces.unfinished(older_than_s=older_than_s, limit=BATCH_MAX)
        told = await asyncio.gather(*(self._finish(row) for row in rows))
        UNFINISHED.set(sum(not finished for finished, _ in told))
        return [sentence for _, sentence in told]

    async def _finish(self, row: Workspace) -> tuple[bool, str]:
        try:
            after = await self.lifecycle.finish(row)
        except Conflict:
            return True, f"{row.subdomain}: somebody else finished it"
        except WaggleError as error:
            return False, await self._report(row, one_line(error))
        log.info("workspace_finished", workspace=row.id, name=row.subdomain, was=row.state, state=after.state)
        return True, f"{row.subdomain}: was {row.state}, is {after.state}"

    async def _report(self, row: Workspace, problem: str) -> str:
        if problem != row.problem:
            log.warning("workspace_unfinished", workspace=row.id, name=row.subdomain, state=row.state, problem=problem)
            await self.registry.workspaces.note_problem(row, problem)
        return f"{row.subdomain}: still {row.state} because {problem}"
