"""Rows of cells and of their processes."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Row, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.identity import CellName, ProcessId
from control_plane.registry.counting import Counts
from control_plane.registry.errors import CellUnknown, Conflict, NameTaken, TransitionRefused
from control_plane.registry.facts import Cell, Process
from control_plane.registry.states import CellState, cell_may
from control_plane.registry.tables import cell_processes, cells
from control_plane.registry.versions import next_version
from control_plane.registry.vital_signs import Vitals, VitalSigns

_NUMBERED = re.compile(r"cell-(\d{1,6})")


class Cells:
    def __init__(self, engine: AsyncEngine, counts: Counts) -> None:
        self._engine = engine
        self._counts = counts

    async def insert(self, name: str, region: str, *, dedicated: bool, capacity_workspaces: int) -> Cell:
        """A provisioning cell; an empty name takes the next free `cell-N`. Raises NameTaken."""
        async with self._engine.begin() as connection:
            version = await next_version(connection)
            chosen = name or await _next_name(connection)
            row = {"name": chosen, "region": region, "state": CellState.PROVISIONING, "dedicated": dedicated}
            try:
                await connection.execute(insert(cells).values(**row, capacity_workspaces=capacity_workspaces, version=version))
            except IntegrityError as error:
                raise NameTaken(f"there is a cell {chosen!r} already") from error
        return await self.require(chosen)

    async def list(self) -> tuple[Cell, ...]:
        """In order of name. How many workspaces they hold may be a few seconds old in a large fleet (`Counts.all`)."""
        async with self._engine.connect() as connection:
            return await read_cells(connection, await self._counts.all(connection))

    async def require(self, name: str) -> Cell:
        async with self._engine.connect() as connection:
            found = await read_cells(connection, {name: await self._counts.one(connection, name)}, name)
        if not found:
            raise CellUnknown(name)
        return found[0]

    async def vital_signs(self, name: str) -> VitalSigns | None:
        """How a cell fares, by its last heartbeats; None when nobody has told. Raises CellUnknown."""
        return (await self.require(name)).vital_signs

    async def change_state(self, name: str, before: CellState, after: CellState) -> None:
        """Compare and set. Raises TransitionRefused or Conflict; the directory's version rises with it."""
        if not cell_may(before, after):
            raise TransitionRefused(f"a cell that is {before} cannot become {after}")
        async with self._engine.begin() as connection:
            version = await next_version(connection)
            found = and_(cells.c.name == name, cells.c.state == before)
            changed = await connection.execute(update(cells).where(found).values(state=after, version=version))
            if changed.rowcount != 1:
                raise Conflict(f"cell {name} is not {before} any more")


async def read_cells(connection: AsyncConnection, placed: Mapping[str, int], name: str | None = None) -> tuple[Cell, ...]:
    """Cells in order of name, each with its processes; `placed` tells how many workspaces live there."""
    wanted = select(cells).order_by(cells.c.name)
    processes = select(cell_processes, _age_s().label("age_s")).order_by(cell_processes.c.cell, cell_processes.c.process_id)
    if name is not None:
        wanted = wanted.where(cells.c.name == name)
        processes = processes.where(cell_processes.c.cell == name)
    rows = (await connection.execute(wanted)).all()
    of_cell: dict[str, list[Process]] = {}
    for row in await connection.execute(processes):
        of_cell.setdefault(row.cell, []).append(_process(row))
    return tuple(_cell(row, placed.get(row.name, 0), tuple(of_cell.get(row.name, ()))) for row in rows)


def _age_s() -> Any:
    # clock_timestamp, not now: a transaction that waited for a lock would otherwise see heartbeats from its future.
    return func.greatest(0, func.extract("epoch", func.clock_timestamp() - cell_processes.c.heartbeat_at))


async def _next_name(connection: AsyncConnection) -> str:
    names = (await connection.execute(select(cells.c.name))).scalars()
    taken = {int(found[1]) for name in names if (found := _NUMBERED.fullmatch(name))}
    return f"cell-{next(number for number in range(1, len(taken) + 2) if number not in taken)}"


def _cell(row: Row[Any], placed: int, processes: tuple[Process, ...]) -> Cell:
    state = CellState(row.state)
    return Cell(CellName(row.name), row.region, state, row.dedicated, row.capacity_workspaces, row.version, placed, processes)


def _process(row: Row[Any]) -> Process:
    return Process(
        process_id=ProcessId(row.process_id),
        address=row.address,
        roles=tuple(row.roles),
        version=row.version,
        schema_revision=row.schema_revision,
        heartbeat_age_s=float(row.age_s),
        workspaces=row.workspaces,
        connections=row.connections,
        messages_per_s=row.messages_per_s,
        database_bytes=row.database_bytes,
        flags_version=row.flags_version,
        upkeep=row.upkeep,
        vitals=None if row.interval_s is None else Vitals(*(row._mapping[field.name] for field in fields(Vitals))),
    )
