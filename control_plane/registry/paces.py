"""What was decided last about the moves of each cell, so that every replica decides alike; and who may begin, decided by one at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from control_plane.registry.move_facts import Move, MoveState, MoveStep
from control_plane.registry.tables import moves, paces

ADMITTED = "admitted"
LATELY_S = 5.0
"""A move that ran so lately may still be felt."""

Allows = Callable[[Mapping[str, Any], int], bool]
"""Whether one more move may run in a cell of this stored pace in which so many run."""


@dataclass(frozen=True, slots=True)
class StoredPace:
    cell: str
    version: int
    """0: nothing is stored yet."""
    state: Mapping[str, Any]
    age_s: float
    running: int
    """Moves that were let begin and are not done, nor in their window."""
    ran_lately: int
    """Those, and the ones that ended or opened their window in the last 5 s."""


class Paces:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(self, cells: tuple[str, ...]) -> dict[str, StoredPace]:
        """Of each cell named."""
        age_s = func.extract("epoch", func.clock_timestamp() - paces.c.judged_at).label("age_s")
        async with self._engine.connect() as connection:
            rows = {row.cell: row for row in await connection.execute(select(paces, age_s).where(paces.c.cell.in_(cells)))}
            counted = await _counted(connection, cells)
        found = {}
        for cell in cells:
            row = rows.get(cell)
            version, state, age = (row.version, row.state, float(row.age_s)) if row is not None else (0, {}, float("inf"))
            found[cell] = StoredPace(cell, version, state, age, *counted.get(cell, (0, 0)))
        return found

    async def store(self, before: StoredPace, state: Mapping[str, Any]) -> bool:
        """Compare and set; False where another replica judged meanwhile."""
        values = {"cell": before.cell, "version": before.version + 1, "state": dict(state), "judged_at": func.clock_timestamp()}
        as_read = and_(paces.c.cell == before.cell, paces.c.version == before.version)
        first = upsert(paces).values(**values).on_conflict_do_nothing()
        async with self._engine.begin() as connection:
            written = await connection.execute(first if before.version == 0 else update(paces).where(as_read).values(**values))
            return written.rowcount == 1

    async def admit(self, move: Move, allows: Allows) -> bool:
        """Let a move begin where both its cells allow one more; decided by one replica at a time. False: not yet, or not as it was read."""
        cells = tuple(sorted({move.source, move.target}))
        async with self._engine.begin() as connection:
            await connection.execute(
                upsert(paces).values([{"cell": cell, "version": 1, "state": {}} for cell in cells]).on_conflict_do_nothing()
            )
            locked = select(paces).where(paces.c.cell.in_(cells)).order_by(paces.c.cell).with_for_update()
            states = {row.cell: row.state for row in await connection.execute(locked)}
            counted = await _counted(connection, cells)
            if not all(allows(states[cell], counted.get(cell, (0, 0))[0]) for cell in cells):
                return False
            as_read = and_(moves.c.id == move.id, moves.c.version == move.version)
            begun = update(moves).where(as_read).values(facts=moves.c.facts.op("||")({ADMITTED: True}), version=move.version + 1)
            return (await connection.execute(begun)).rowcount == 1


def is_admitted(move: Move) -> bool:
    """A move past its first step was let begin, by this control plane or an older one."""
    return move.step is not MoveStep.PREPARE or bool(move.facts.get(ADMITTED))


async def _counted(connection: AsyncConnection, cells: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """(running, ran lately) of each cell that has any."""
    since = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, LATELY_S)
    begun = or_(moves.c.step != MoveStep.PREPARE, moves.c.facts.has_key(ADMITTED))
    recent = and_(begun, or_(moves.c.ended_at.is_(None), moves.c.ended_at > since))
    runs = moves.c.state == MoveState.RUNNING
    counts = (func.count().filter(runs).label("now"), func.count().filter(or_(runs, moves.c.step_at > since, moves.c.ended_at > since)))
    counted: dict[str, tuple[int, int]] = {}
    for end in (moves.c.source, moves.c.target):
        for cell, now, lately in await connection.execute(select(end, *counts).where(recent, end.in_(cells)).group_by(end)):
            before = counted.get(cell, (0, 0))
            counted[cell] = (before[0] + now, before[1] + lately)
    return counted
