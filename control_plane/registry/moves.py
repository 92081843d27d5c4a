"""Rows of moves. Every change is a compare-and-set on the version, and none is made without the lease."""

import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.identity import CellName, WorkspaceId
from control_plane.registry.errors import Conflict, MoveUnknown, TransitionRefused
from control_plane.registry.facts import Workspace
from control_plane.registry.move_facts import ENDED, Move, MoveState, MoveStep
from control_plane.registry.rollouts import refuse_while_migrating
from control_plane.registry.states import WorkspaceState
from control_plane.registry.tables import moves, workspaces
from control_plane.registry.versions import raised_version, told_of

ENDED_NAMES = sorted(ENDED)
PROBLEM_CHARACTERS_MAX = 500


class Moves:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        """For what is one statement, and so all or nothing by itself: a move has dozens, and BEGIN and COMMIT are a round trip each."""

    async def insert(self, workspace: Workspace, target: str, facts: Mapping[str, Any]) -> Move:
        """Raises Conflict where an unfinished move has the workspace, or the tables of either cell are being migrated."""
        move_id = f"mv_{secrets.token_hex(6)}"
        values: dict[str, Any] = {
            "id": move_id,
            "workspace_id": workspace.id,
            "name": workspace.subdomain,
            "source": workspace.cell,
            "target": target,
        }
        values |= {"epoch": workspace.epoch, "step": MoveStep.PREPARE, "state": MoveState.RUNNING, "version": 1, "problem": ""}
        try:
            async with self._engine.begin() as connection:
                await refuse_while_migrating(connection, (workspace.cell, target))
                await connection.execute(insert(moves).values(**values, facts=dict(facts)))
        except IntegrityError as error:
            raise Conflict(f"workspace {workspace.subdomain} is being moved already; see: waggle move list") from error
        return await self.require(move_id)

    async def require(self, move_id: str) -> Move:
        async with self._single.connect() as connection:
            row = (await connection.execute(_select().where(moves.c.id == move_id))).one_or_none()
        if row is None:
            raise MoveUnknown(move_id)
        return _move(row)

    async def latest_of(self, workspace_id: str) -> Move | None:
        async with self._single.connect() as connection:
            wanted = _select().where(moves.c.workspace_id == workspace_id).order_by(moves.c.created_at.desc()).limit(1)
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else _move(row)

    async def list(self, *, limit: int) -> tuple[Move, ...]:
        """The latest first."""
        async with self._single.connect() as connection:
            rows = await connection.execute(_select().order_by(moves.c.created_at.desc()).limit(limit))
            return tuple(_move(row) for row in rows)

    async def unfinished(self, *, limit: int) -> tuple[Move, ...]:
        """Oldest first."""
        async with self._single.connect() as connection:
            wanted = _select().where(moves.c.state.not_in(ENDED_NAMES)).order_by(moves.c.created_at).limit(limit)
            return tuple(_move(row) for row in await connection.execute(wanted))

    async def claim(self, move_id: str, holder: str, lease_s: float) -> Move | None:
        """The row, if the lease is free or ours already; taken or renewed for `lease_s`. None: another controller works on it."""
        free = or_(moves.c.lease_holder == holder, moves.c.lease_until.is_(None), moves.c.lease_until < func.clock_timestamp())
        mine = and_(moves.c.id == move_id, free, moves.c.state.not_in(ENDED_NAMES))
        until = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, lease_s)
        async with self._single.connect() as connection:
            taken = update(moves).where(mine).values(lease_holder=holder, lease_until=until).returning(*_columns())
            row = (await connection.execute(taken)).one_or_none()
            return None if row is None else _move(row)

    async def release(self, move: Move, holder: str) -> None:
        async with self._single.connect() as connection:
            mine = and_(moves.c.id == move.id, moves.c.lease_holder == holder)
            await connection.execute(update(moves).where(mine).values(lease_until=None))

    async def record(
        self, move: Move, step: MoveStep, facts: Mapping[str, Any], *, state: MoveState | None = None, problem: str = ""
    ) -> Move:
        """Compare and set from `move` as it was read. Raises Conflict: somebody else has gone on."""
        async with self._single.connect() as connection:
            return await _record(connection, move, step, facts, state or move.state, problem)

    async def switch(self, move: Move, step: MoveStep, facts: Mapping[str, Any], cell: str, epoch: int) -> Move:
        """The decision: the workspace belongs to `cell` at `epoch` from this commit on, and the move stands at `step`.

        Raises Conflict when the move or the workspace is not as it was, TransitionRefused when the workspace may not move now.
        """
        raised = raised_version()
        recorded = _recording(move, step, facts, move.state, "").cte("recorded")
        mine = and_(workspaces.c.id == move.workspace_id, workspaces.c.epoch == epoch - 1, workspaces.c.state == WorkspaceState.ACTIVE)
        changing = update(workspaces).where(mine).values(cell=cell, epoch=epoch, version=select(raised.c.version).scalar_subquery())
        changed = changing.returning(workspaces.c.id).cte("changed")
        # All three in one statement, since people wait.
        count = select(func.count()).select_from(changed).scalar_subquery().label("workspaces_changed")
        decided: Any = select(*recorded.c, told_of(raised), count).select_from(raised.outerjoin(recorded, true()))
        async with self._engine.begin() as connection:
            row = (await connection.execute(decided)).one()
            if row.id is None:
                raise Conflict(f"move {move.id} has gone on meanwhile")
            if row.workspaces_changed != 1:
                raise TransitionRefused(f"workspace {move.name} is not active at epoch {epoch - 1} any more")
            return _move(row)


async def _record(
    connection: AsyncConnection, move: Move, step: MoveStep, facts: Mapping[str, Any], state: MoveState, problem: str
) -> Move:
    row = (await connection.execute(_recording(move, step, facts, state, problem))).one_or_none()
    if row is None:
        raise Conflict(f"move {move.id} has gone on meanwhile")
    return _move(row)


def _recording(move: Move, step: MoveStep, facts: Mapping[str, Any], state: MoveState, problem: str) -> Any:
    """Compare and set."""
    values: dict[str, Any] = {"step": step, "state": state, "facts": dict(facts), "version": move.version + 1}
    values["problem"] = problem[:PROBLEM_CHARACTERS_MAX]
    if step is not move.step:
        values["step_at"] = func.clock_timestamp()
    if state in ENDED:
        values |= {"ended_at": func.clock_timestamp(), "lease_until": None}
    as_read = and_(moves.c.id == move.id, moves.c.version == move.version)
    return update(moves).where(as_read).values(**values).returning(*_columns())


def _select() -> Any:
    return select(*_columns())


@cache
def _columns() -> tuple[Any, ...]:
    """Made once: put together for each statement they were a tenth of what the control plane spent on a move."""
    now = func.clock_timestamp()
    return (
        *moves.c,
        func.extract("epoch", now - moves.c.step_at).label("step_age_s"),
        func.extract("epoch", func.coalesce(moves.c.ended_at, now) - moves.c.created_at).label("age_s"),
    )


def _move(row: Row[Any]) -> Move:
    return Move(
        id=row.id,
        workspace_id=WorkspaceId(row.workspace_id),
        name=row.name,
        source=CellName(row.source),
        target=CellName(row.target),
        epoch=row.epoch,
        step=MoveStep(row.step),
        state=MoveState(row.state),
        version=row.version,
        facts=row.facts,
        problem=row.problem,
        created_at=row.created_at,
        ended_at=row.ended_at,
        step_age_s=float(row.step_age_s),
        age_s=float(row.age_s),
    )
