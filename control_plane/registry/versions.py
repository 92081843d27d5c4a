"""One version for the whole directory: the row that each change to a route locks first (ADR 0008)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, Row, Text, and_, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.flags import FlagSet, Word
from chassis.identity import CellName, ProcessId, WorkspaceId
from control_plane.registry.facts import CellEntry, Changes, Route
from control_plane.registry.states import CellState, WorkspaceState, route_state
from control_plane.registry.tables import cell_processes, cells, directory, flags, workspaces

CHANNEL = "waggle_directory"
"""What replicas LISTEN on; the payload is the new version."""
PAGE_ROWS = 2_000
"""Read at a time: between two pages others get their turn (some 15 ms of work each)."""


async def next_version(connection: AsyncConnection) -> int:
    """Take the directory's lock and its next version; call it before any other lock.

    Held until the transaction ends, so versions become visible in their own order, and a rolled-back one is used again.
    """
    raised = raised_version()
    return int((await connection.execute(select(raised.c.version, told_of(raised)))).one().version)


def raised_version() -> CTE:
    """The same as a part of a larger statement, which reads it before anything else that locks, and selects `told_of` it."""
    return update(directory).where(directory.c.id == 1).values(version=directory.c.version + 1).returning(directory.c.version).cte("raised")


def told_of(raised: CTE) -> Any:
    """Whoever follows the directory hears of it when the transaction commits."""
    return func.pg_notify(CHANNEL, cast(raised.c.version, Text)).label("told")


class DirectoryRows:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def changes_since(self, version: int) -> Changes:
        """Everything changed after `version`, from one snapshot of the database; 0 gives all there is."""
        async with self._engine.begin() as connection:
            head = (await connection.execute(select(directory.c.registry_id, directory.c.version, directory.c.flags_version))).one()
            if head.version == version:
                return Changes(head.registry_id, head.version, (), ())
            routes: list[Route] = []
            rows = await connection.stream(_routes_after(version), execution_options={"yield_per": PAGE_ROWS})
            async for page in rows.partitions():
                routes.extend(map(_route, page))
            touched = await connection.execute(_cells_after(version))
            entries = _entries(touched.all())
            changed = version == 0 or head.flags_version > version
            flags = await read_flags(connection, head.registry_id, head.flags_version) if changed else None
            return Changes(head.registry_id, head.version, tuple(routes), entries, flags)


async def read_flags(connection: AsyncConnection, registry_id: str, version: int) -> FlagSet:
    rows = await connection.execute(select(flags).order_by(flags.c.name, flags.c.cell, flags.c.workspace_id))
    return FlagSet(registry_id, version, tuple(map(word_of, rows)))


def word_of(row: Any) -> Word:
    """Of a row of `flags`."""
    return Word(row.name, row.is_on, row.cell, row.workspace_id)


def _routes_after(version: int) -> Any:
    of = workspaces.c
    columns = (of.id, of.subdomain, of.cell, of.epoch, of.state, of.version)
    routed = and_(workspaces.c.version > version, workspaces.c.state != WorkspaceState.CREATING)
    return select(*columns).where(routed).order_by(workspaces.c.version, workspaces.c.id)


def _cells_after(version: int) -> Any:
    return (
        select(
            cells.c.name,
            cells.c.region,
            cells.c.state,
            cells.c.version,
            cell_processes.c.process_id,
            cell_processes.c.address,
            cell_processes.c.roles,
        )
        .select_from(cells.outerjoin(cell_processes))
        .where(cells.c.version > version)
        .order_by(cells.c.version, cells.c.name, cell_processes.c.process_id)
    )


def _route(row: Row[Any]) -> Route:
    state = route_state(WorkspaceState(row.state)) or "gone"
    return Route(WorkspaceId(row.id), row.subdomain, CellName(row.cell), row.epoch, state, row.version)


def _entries(rows: Sequence[Row[Any]]) -> tuple[CellEntry, ...]:
    endpoints: dict[tuple[str, str, str, int], list[tuple[str, tuple[str, ...], ProcessId]]] = {}
    for row in rows:
        of_cell = endpoints.setdefault((row.name, row.region, row.state, row.version), [])
        if row.process_id is not None:
            of_cell.append((row.address, tuple(row.roles), ProcessId(row.process_id)))
    return tuple(
        CellEntry(CellName(name), region, CellState(state), version, () if state == CellState.LOST else tuple(found))
        for (name, region, state, version), found in endpoints.items()
    )
