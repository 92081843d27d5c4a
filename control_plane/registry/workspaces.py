"""Rows of workspaces. Each change of state is a compare-and-set on (state, epoch); those that routers see raise the version."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.identity import CellName, WorkspaceId, is_workspace_id
from control_plane.registry.cells import read_cells
from control_plane.registry.counting import Counts
from control_plane.registry.errors import Conflict, NameTaken, TransitionRefused, WorkspaceUnknown
from control_plane.registry.facts import Cell, Workspace
from control_plane.registry.states import UNFINISHED, WorkspaceState, workspace_may
from control_plane.registry.tables import workspaces
from control_plane.registry.versions import next_version

CHOICES_MAX = 200
_PIN = text("UPDATE workspaces SET pins = pins || jsonb_build_object('cell', CAST(:cell AS text)) WHERE id = :id")
_UNPIN = text("UPDATE workspaces SET pins = pins - 'cell' WHERE id = :id AND pins->>'cell' = :cell")
_PLACEMENT_LOCK = text("SELECT pg_advisory_xact_lock(7741)")
"""Placements queue behind one another, so that each counts those before it and capacity is exact."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A workspace to be."""

    id: WorkspaceId
    subdomain: str
    plan: str
    region: str
    pins: Mapping[str, str]
    owner_email: str


class Workspaces:
    def __init__(self, engine: AsyncEngine, counts: Counts) -> None:
        self._engine = engine
        self._counts = counts

    async def insert(self, draft: Draft, choose: Callable[[Sequence[Cell]], CellName]) -> Workspace:
        """A `creating` row at epoch 1 in the cell that `choose` names; what `choose` raises goes through. Raises NameTaken."""
        async with self._engine.begin() as connection:
            await connection.execute(_PLACEMENT_LOCK)
            taken = select(workspaces.c.state).where(workspaces.c.subdomain == draft.subdomain)
            if (state := (await connection.execute(taken)).scalar_one_or_none()) is not None:
                raise NameTaken(f"there is a workspace {draft.subdomain!r} already (it is {state})")
            cell = await self._chosen(connection, choose)
            row = {"id": draft.id, "subdomain": draft.subdomain, "plan": draft.plan, "region": draft.region, "pins": dict(draft.pins)}
            started = {"cell": cell, "epoch": 1, "state": WorkspaceState.CREATING, "owner_email": draft.owner_email, "version": 0}
            try:
                await connection.execute(insert(workspaces).values(**row, **started, problem=""))
            except IntegrityError as error:
                raise NameTaken(f"there is a workspace {draft.subdomain!r} already") from error
        return await self.require(draft.id)

    async def _chosen(self, connection: AsyncConnection, choose: Callable[[Sequence[Cell]], CellName]) -> CellName:
        """Figures of all may be old, so the chosen cell's is counted, and where that is news it is chosen again. Raises Conflict."""
        cells = await read_cells(connection, await self._counts.all(connection))
        for _ in range(CHOICES_MAX):
            name = choose(cells)
            held = await self._counts.one(connection, name)
            if held == next(cell.workspaces for cell in cells if cell.name == name):
                return name
            cells = tuple(replace(cell, workspaces=held) if cell.name == name else cell for cell in cells)
        raise Conflict("cells fill and empty faster than one can be chosen; try again")

    async def change_state(self, workspace: Workspace, after: WorkspaceState) -> Workspace:
        """Compare and set from `workspace` as it was read; the directory's version rises in the same transaction.

        Raises TransitionRefused, or Conflict when the row has moved on.
        """
        if not workspace_may(workspace.state, after):
            raise TransitionRefused(f"workspace {workspace.subdomain} is {workspace.state} and cannot become {after}")
        async with self._engine.begin() as connection:
            version = await next_version(connection)
            values = {"state": after, "version": version, "problem": ""}
            changed = update(workspaces).where(_as_read(workspace)).values(**values).returning(workspaces)
            row = (await connection.execute(changed)).one_or_none()
            if row is None:
                raise Conflict(f"workspace {workspace.subdomain} is not {workspace.state} any more")
            return _workspace(row)

    async def remove_refused(self, workspace: Workspace) -> None:
        """Take back a `creating` row that its cell refused; no router ever heard of it. Raises Conflict."""
        async with self._engine.begin() as connection:
            fresh = and_(_as_read(workspace), workspaces.c.state == WorkspaceState.CREATING)
            if (await connection.execute(delete(workspaces).where(fresh))).rowcount != 1:
                raise Conflict(f"workspace {workspace.subdomain} is not {workspace.state} any more")

    async def note_problem(self, workspace: Workspace, problem: str) -> None:
        """One line of why an unfinished row is unfinished; nothing if the row has moved on."""
        async with self._engine.begin() as connection:
            await connection.execute(update(workspaces).where(_as_read(workspace)).values(problem=problem[:500]))

    async def pin(self, workspace_id: str, cell: str) -> None:
        """To a cell: drains and rebalancing take it nowhere else, and a dedicated one lets it in. Routers do not care."""
        async with self._engine.begin() as connection:
            await connection.execute(_PIN, {"id": workspace_id, "cell": cell})

    async def unpin(self, workspace_id: str, cell: str) -> None:
        """Where it is pinned to that cell; a pin to another is somebody else's."""
        async with self._engine.begin() as connection:
            await connection.execute(_UNPIN, {"id": workspace_id, "cell": cell})

    async def get(self, reference: str) -> Workspace | None:
        """By id or by name."""
        by_id = is_workspace_id(reference)
        column = workspaces.c.id if by_id else workspaces.c.subdomain
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(workspaces).where(column == reference))).one_or_none()
        return None if row is None else _workspace(row)

    async def require(self, reference: str) -> Workspace:
        found = await self.get(reference)
        if found is None:
            raise WorkspaceUnknown(reference)
        return found

    async def list(self, *, cell: str = "", after: str = "", limit: int = 1000) -> tuple[Workspace, ...]:
        """In order of name, those after the name `after`."""
        wanted = select(workspaces).where(workspaces.c.subdomain > after).order_by(workspaces.c.subdomain).limit(limit)
        if cell:
            wanted = wanted.where(workspaces.c.cell == cell)
        async with self._engine.connect() as connection:
            return tuple(_workspace(row) for row in await connection.execute(wanted))

    async def unfinished(self, *, older_than_s: float, limit: int) -> tuple[Workspace, ...]:
        """Rows in a state that nobody rests in, oldest first. Younger `creating` rows are somebody's work in progress."""
        old = workspaces.c.created_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, older_than_s)
        stuck = and_(workspaces.c.state.in_(UNFINISHED), or_(old, workspaces.c.state != WorkspaceState.CREATING))
        wanted = select(workspaces).where(stuck).order_by(workspaces.c.created_at).limit(limit)
        async with self._engine.connect() as connection:
            return tuple(_workspace(row) for row in await connection.execute(wanted))

    async def count(self) -> int:
        async with self._engine.connect() as connection:
            living = select(func.count()).select_from(workspaces).where(workspaces.c.state != WorkspaceState.GONE)
            return int((await connection.execute(living)).scalar_one())


def _as_read(workspace: Workspace) -> Any:
    same = and_(workspaces.c.state == workspace.state, workspaces.c.epoch == workspace.epoch, workspaces.c.version == workspace.version)
    return and_(workspaces.c.id == workspace.id, same)


def _workspace(row: Row[Any]) -> Workspace:
    return Workspace(
        id=WorkspaceId(row.id),
        subdomain=row.subdomain,
        cell=CellName(row.cell),
        epoch=row.epoch,
        state=WorkspaceState(row.state),
        plan=row.plan,
        region=row.region,
        pins=row.pins,
        owner_email=row.owner_email,
        version=row.version,
        problem=row.problem,
    )
