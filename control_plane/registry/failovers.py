"""Rows of failovers. The decision is one commit with the workspace's row; the rest is carried out from here, by any replica."""

from typing import Any

from sqlalchemy import Row, and_, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.identity import CellName, WorkspaceId
from control_plane.registry.errors import Conflict
from control_plane.registry.facts import Cell, Workspace
from control_plane.registry.failover_facts import Failover, FailoverStage
from control_plane.registry.move_facts import MoveState
from control_plane.registry.moves import ENDED_NAMES
from control_plane.registry.states import CellState
from control_plane.registry.tables import cells, failovers, moves, workspaces
from control_plane.registry.versions import next_version

PROBLEM_CHARACTERS_MAX = 500
HARMLESS = (*ENDED_NAMES, MoveState.WINDOW)
"""A window is closed later; nothing can be rolled back into it once the epoch has risen."""


class Failovers:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def decide(self, workspace: Workspace, source: Cell, target: Cell) -> None:
        """From this commit on the workspace is `target`'s, at the next epoch.

        Raises Conflict where the row is not as it was read, a move has the workspace, or `source` is not given up.
        """
        region = target.region if workspace.region == source.region else workspace.region
        pins = {key: target.name if pin == source.name else pin for key, pin in workspace.pins.items()}
        async with self._engine.begin() as connection:
            version = await next_version(connection)
            moving = exists(select(moves.c.id).where(moves.c.workspace_id == workspace.id, moves.c.state.not_in(HARMLESS)))
            lost = exists(select(cells.c.name).where(cells.c.name == source.name, cells.c.state == CellState.LOST))
            as_read = (workspaces.c.cell == source.name, workspaces.c.epoch == workspace.epoch, workspaces.c.state == workspace.state)
            mine = and_(workspaces.c.id == workspace.id, *as_read, ~moving, lost)
            values = {"cell": target.name, "epoch": workspace.epoch + 1, "region": region, "pins": pins, "version": version}
            if (await connection.execute(update(workspaces).where(mine).values(**values))).rowcount != 1:
                raise Conflict(
                    f"workspace {workspace.subdomain} is not in {source.name} at epoch {workspace.epoch} any more, or is being moved"
                )
            row = {"workspace_id": workspace.id, "epoch": workspace.epoch + 1, "source": source.name, "target": target.name}
            await connection.execute(insert(failovers).values(**row, stage=FailoverStage.OPENING, problem=""))

    async def unfinished(self, *, limit: int, stage: FailoverStage | None = None) -> tuple[Failover, ...]:
        """Oldest first."""
        wanted = _select().where(failovers.c.stage != FailoverStage.DONE).order_by(failovers.c.decided_at, failovers.c.workspace_id)
        if stage is not None:
            wanted = wanted.where(failovers.c.stage == stage)
        async with self._engine.connect() as connection:
            return tuple(_failover(row) for row in await connection.execute(wanted.limit(limit)))

    async def count_beyond(self, shown: int) -> int:
        """How many more are unfinished than were shown."""
        async with self._engine.connect() as connection:
            counted = select(func.count()).select_from(failovers).where(failovers.c.stage != FailoverStage.DONE)
            return max(0, int((await connection.execute(counted)).scalar_one()) - shown)

    async def owed_by(self, source: str) -> bool:
        """Whether the cell is still to be told of a workspace that was given away."""
        owed = exists(select(failovers.c.workspace_id).where(failovers.c.source == source, failovers.c.stage != FailoverStage.DONE))
        async with self._engine.connect() as connection:
            return bool((await connection.execute(select(owed))).scalar_one())

    async def advance(self, failover: Failover, after: FailoverStage) -> None:
        """Compare and set; somebody else who was there first has done the same."""
        ended = func.clock_timestamp() if after is FailoverStage.DONE else None
        async with self._engine.begin() as connection:
            await connection.execute(update(failovers).where(_as_read(failover)).values(stage=after, problem="", ended_at=ended))

    async def note_problem(self, failover: Failover, problem: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(update(failovers).where(_as_read(failover)).values(problem=problem[:PROBLEM_CHARACTERS_MAX]))


def _select() -> Any:
    return select(failovers, workspaces.c.subdomain).join(workspaces, workspaces.c.id == failovers.c.workspace_id)


def _as_read(failover: Failover) -> Any:
    same = and_(failovers.c.workspace_id == failover.workspace_id, failovers.c.epoch == failover.epoch)
    return and_(same, failovers.c.stage == failover.stage)


def _failover(row: Row[Any]) -> Failover:
    return Failover(
        workspace_id=WorkspaceId(row.workspace_id),
        name=row.subdomain,
        source=CellName(row.source),
        target=CellName(row.target),
        epoch=row.epoch,
        stage=FailoverStage(row.stage),
        problem=row.problem,
        decided_at=row.decided_at,
    )
