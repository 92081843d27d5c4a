"""Heartbeats of cell processes. The common one is a single UPDATE and leaves the directory's version alone."""

from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import and_, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from control_plane.registry.errors import TransitionRefused
from control_plane.registry.facts import HEARTBEAT_SILENCE_S_MAX, Heartbeat
from control_plane.registry.states import CellState
from control_plane.registry.tables import cell_processes, cells
from control_plane.registry.versions import next_version
from control_plane.registry.vital_signs import Vitals

CAPACITY_WORKSPACES_DEFAULT = 1_000
REGION_DEFAULT = "local"


class Heartbeats:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def record(self, beat: Heartbeat) -> bool:
        """Note a process and its load. True if routers must hear of it: a new endpoint, a changed one, a cell's first sign of life.

        A cell that holds the cluster's credential and is not in the registry is registered. Raises TransitionRefused for a retired one.
        """
        if beat.draining:
            return await self._remove(beat)
        async with self._engine.begin() as connection:
            if (await connection.execute(_refresh(beat))).rowcount == 1:
                return False
        async with self._engine.begin() as connection:
            await _enter(connection, beat, await next_version(connection))
            return True

    async def _remove(self, beat: Heartbeat) -> bool:
        """A cell's last endpoint stays, as silent: its next process most likely takes the address, and routers may not hear of it then."""
        others = cell_processes.alias("others")
        another = exists(select(others.c.cell).where(others.c.cell == beat.cell, others.c.process_id != beat.process_id))
        async with self._engine.begin() as connection:
            if await _drop(connection, and_(_of_process(beat), another)):
                return True
        async with self._engine.begin() as connection:
            await connection.execute(update(cell_processes).where(_of_process(beat)).values(heartbeat_at=func.to_timestamp(0)))
            return False

    async def forget_silent(self, silence_s: float) -> bool:
        """Take processes out of the directory that were silent for `silence_s`, from cells that have another in good health.

        A cell's last endpoint is never forgotten: a route to something that may come back beats none.
        """
        living = cell_processes.alias("living")
        recent = living.c.heartbeat_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, HEARTBEAT_SILENCE_S_MAX)
        silent = cell_processes.c.heartbeat_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, silence_s)
        stale = and_(silent, exists(select(living.c.cell).where(living.c.cell == cell_processes.c.cell, recent)))
        async with self._engine.connect() as connection:
            if not (await connection.execute(select(exists().where(stale)))).scalar_one():
                return False
        async with self._engine.begin() as connection:
            return await _drop(connection, stale)


async def _drop(connection: AsyncConnection, which: Any) -> bool:
    version = await next_version(connection)
    gone = {row.cell for row in await connection.execute(delete(cell_processes).where(which).returning(cell_processes.c.cell))}
    if not gone:
        await connection.rollback()
        return False
    await connection.execute(update(cells).where(cells.c.name.in_(gone)).values(version=version))
    return True


async def _enter(connection: AsyncConnection, beat: Heartbeat, version: int) -> None:
    new = {"name": beat.cell, "region": beat.region or REGION_DEFAULT, "state": CellState.ACTIVE, "dedicated": False}
    registered = insert(cells).values(**new, capacity_workspaces=CAPACITY_WORKSPACES_DEFAULT, version=version)
    await connection.execute(registered.on_conflict_do_nothing())
    state = (await connection.execute(select(cells.c.state).where(cells.c.name == beat.cell).with_for_update())).scalar_one()
    if state == CellState.RETIRED:
        raise TransitionRefused(f"cell {beat.cell} is retired; its processes are not taken back")
    after = CellState.ACTIVE if state == CellState.PROVISIONING else state
    await connection.execute(update(cells).where(cells.c.name == beat.cell).values(state=after, version=version))
    # Another process at the same address is the one that this one replaced.
    replaced = and_(cell_processes.c.address == beat.address, cell_processes.c.process_id != beat.process_id)
    await connection.execute(delete(cell_processes).where(cell_processes.c.cell == beat.cell, replaced))
    values = {"cell": beat.cell, "process_id": beat.process_id, "address": beat.address, "roles": list(beat.roles), **_load(beat)}
    entered = insert(cell_processes).values(**values)
    await connection.execute(entered.on_conflict_do_update(index_elements=["cell", "process_id"], set_=values))


def _of_process(beat: Heartbeat) -> Any:
    return and_(cell_processes.c.cell == beat.cell, cell_processes.c.process_id == beat.process_id)


def _refresh(beat: Heartbeat) -> Any:
    same = and_(_of_process(beat), cell_processes.c.address == beat.address, cell_processes.c.roles == list(beat.roles))
    settled = cells.c.state.in_((CellState.ACTIVE, CellState.DRAINING, CellState.LOST))
    known = exists(select(cells.c.name).where(cells.c.name == beat.cell, settled))
    return update(cell_processes).where(same, known).values(**_load(beat))


def _load(beat: Heartbeat) -> dict[str, Any]:
    return {
        "version": beat.version,
        "schema_revision": beat.schema_revision,
        "workspaces": beat.workspaces,
        "connections": beat.connections,
        "messages_per_s": beat.messages_per_s,
        "database_bytes": beat.database_bytes,
        "heartbeat_at": func.clock_timestamp(),
        "flags_version": beat.flags_version,
        **({} if beat.upkeep is None else {"upkeep": beat.upkeep}),
        **_vitals(beat.vitals),
    }


def _vitals(told: Vitals | None) -> dict[str, Any]:
    """A process that tells no more is not to be judged by what it told once."""
    return dict.fromkeys(field.name for field in fields(Vitals)) if told is None else asdict(told)
