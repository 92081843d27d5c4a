"""Rows of rollouts and of their cells. Every change is a compare-and-set on the rollout's version, cells and rollout in one commit."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.identity import CellName
from control_plane.registry.errors import Conflict, RolloutUnknown
from control_plane.registry.move_facts import ENDED as ENDED_MOVES
from control_plane.registry.rollout_facts import (
    ENDED_ROLLOUTS,
    Applier,
    CellStage,
    NewRollout,
    Rollout,
    RolloutCell,
    RolloutKind,
    RolloutState,
)
from control_plane.registry.rollout_tables import rollout_cells, rollouts
from control_plane.registry.tables import cells, moves

PROBLEM_CHARACTERS_MAX = 1_000
CELLS_MAX = 20_000


class Rollouts:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def insert(self, new: NewRollout) -> Rollout:
        """Running from now on. Raises Conflict while another is not at its end."""
        rollout_id = f"ro_{secrets.token_hex(6)}"
        row = {"id": rollout_id, "kind": new.kind, "target": new.target, "state": RolloutState.RUNNING, "wave": 0, "version": 1}
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(rollouts).values(**row, facts=dict(new.facts)))
                await connection.execute(insert(rollout_cells), [_values(rollout_id, cell) for cell in new.cells])
        except IntegrityError as error:
            raise Conflict("another rollout or migration is not at its end; see: waggle fleet show") from error
        return await self.require(rollout_id)

    async def require(self, rollout_id: str = "") -> Rollout:
        """By id; empty: the latest. Raises RolloutUnknown."""
        wanted = select(rollouts).order_by(rollouts.c.created_at.desc()).limit(1)
        found = await self._one(wanted.where(rollouts.c.id == rollout_id) if rollout_id else wanted)
        if found is None:
            raise RolloutUnknown(rollout_id)
        return found

    async def unfinished(self) -> Rollout | None:
        return await self._one(select(rollouts).where(rollouts.c.ended_at.is_(None)))

    async def settled_version(self) -> str:
        """What the last rollout of code that went through left everywhere; empty: there was none."""
        wanted = select(rollouts.c.target).where(rollouts.c.kind == RolloutKind.CODE, rollouts.c.state == RolloutState.DONE)
        async with self._engine.connect() as connection:
            found = await connection.execute(wanted.order_by(rollouts.c.ended_at.desc()).limit(1))
            return found.scalar_one_or_none() or ""

    async def cells(self, rollout_id: str, *stages: CellStage, wave: int | None = None) -> tuple[RolloutCell, ...]:
        """In order of wave and name: all, or those of one wave, or those at one of `stages`."""
        age = func.extract("epoch", func.clock_timestamp() - rollout_cells.c.stage_at).label("age_s")
        wanted = select(rollout_cells, age).where(rollout_cells.c.rollout_id == rollout_id)
        if stages:
            wanted = wanted.where(rollout_cells.c.stage.in_(stages))
        if wave is not None:
            wanted = wanted.where(rollout_cells.c.wave == wave)
        async with self._engine.connect() as connection:
            rows = await connection.execute(wanted.order_by(rollout_cells.c.wave, rollout_cells.c.cell).limit(CELLS_MAX))
            return tuple(_cell(row) for row in rows)

    async def claim(self, rollout_id: str, holder: str, lease_s: float) -> Rollout | None:
        """The row, if the lease is free or ours already; taken or renewed for `lease_s`. None: another replica has it, or it ended."""
        free = or_(rollouts.c.lease_holder == holder, rollouts.c.lease_until.is_(None), rollouts.c.lease_until < func.clock_timestamp())
        mine = and_(rollouts.c.id == rollout_id, free, rollouts.c.ended_at.is_(None))
        until = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, lease_s)
        async with self._engine.begin() as connection:
            taken = update(rollouts).where(mine).values(lease_holder=holder, lease_until=until).returning(rollouts.c.id)
            if (await connection.execute(taken)).one_or_none() is None:
                return None
            return await _read(connection, select(rollouts).where(rollouts.c.id == rollout_id))

    async def take_up(self, rollout_id: str, holder: str, name: str, lease_s: float) -> Rollout:
        """The row, with `holder` as its applier from now on and for `lease_s`, unless another is at it; that one is named in it then.

        No version rises: whoever else changes the row is not in the way of it.
        """
        async with self._engine.begin() as connection:
            wanted = select(rollouts.c.facts, _now_s().label("now_s")).where(rollouts.c.id == rollout_id).with_for_update()
            row = (await connection.execute(wanted)).one()
            now_s, kept = float(row.now_s), row.facts.get("applier") or {}
            alive = kept.get("until_s", 0.0) > now_s
            if not alive or kept["holder"] == holder:
                since_s = kept["since_s"] if alive else now_s
                taken = {"holder": holder, "name": name, "since_s": since_s, "until_s": now_s + lease_s}
                mine = update(rollouts).where(rollouts.c.id == rollout_id)
                await connection.execute(mine.values(facts={**row.facts, "applier": taken}))
            found = await _read(connection, select(rollouts).where(rollouts.c.id == rollout_id))
            assert found is not None
            return found

    async def fit_for(self, version: str) -> frozenset[CellName]:
        """Cells whose tables a migration brought to `version`, or that ran it before: tables only grow."""
        migrated = and_(rollouts.c.kind == RolloutKind.SCHEMA, rollouts.c.target == version, rollout_cells.c.stage == CellStage.DONE)
        ran = and_(rollouts.c.kind == RolloutKind.CODE, rollout_cells.c.facts["had_versions"].has_key(version))
        wanted = select(rollout_cells.c.cell).join(rollouts, rollouts.c.id == rollout_cells.c.rollout_id).where(or_(migrated, ran))
        async with self._engine.connect() as connection:
            return frozenset(CellName(name) for name in (await connection.execute(wanted.distinct())).scalars())

    async def begin_schema(self, rollout: Rollout, cell: RolloutCell) -> tuple[Rollout, int]:
        """The cell's tables are worked on from this commit on, unless moves touch it: their number is returned then, and nothing changed.

        No move of it begins meanwhile: beginning one looks here, behind the same lock. Raises Conflict.
        """
        async with self._engine.begin() as connection:
            await connection.execute(select(cells.c.name).where(cells.c.name == cell.cell).with_for_update())
            touching = or_(moves.c.source == cell.cell, moves.c.target == cell.cell)
            counted = select(func.count()).select_from(moves).where(touching, moves.c.state.not_in(sorted(ENDED_MOVES)))
            if count := int((await connection.execute(counted)).scalar_one()):
                return rollout, count
            return await _record(connection, rollout, (cell.at(CellStage.WORKING, problem=""),), {}), 0

    async def record(
        self,
        rollout: Rollout,
        changed: Sequence[RolloutCell] = (),
        *,
        state: RolloutState | None = None,
        wave: int | None = None,
        facts: Mapping[str, Any] | None = None,
        problem: str | None = None,
    ) -> Rollout:
        """Compare and set from `rollout` as it was read. Raises Conflict: somebody else has gone on, and nothing was changed."""
        named = {"state": state, "wave": wave, "facts": None if facts is None else dict(facts)}
        values: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        if problem is not None:
            values["problem"] = problem[:PROBLEM_CHARACTERS_MAX]
        async with self._engine.begin() as connection:
            return await _record(connection, rollout, changed, values)

    async def _one(self, wanted: Any) -> Rollout | None:
        async with self._engine.connect() as connection:
            return await _read(connection, wanted)


async def refuse_while_migrating(connection: AsyncConnection, names: Sequence[str]) -> None:
    """For whoever begins a move. Holds the cells' rows, so that no migration begins there before the caller's commit. Raises Conflict."""
    await connection.execute(select(cells.c.name).where(cells.c.name.in_(names)).order_by(cells.c.name).with_for_update(read=True))
    worked_on = and_(rollouts.c.kind == RolloutKind.SCHEMA, rollouts.c.ended_at.is_(None), rollout_cells.c.stage == CellStage.WORKING)
    wanted = select(rollout_cells.c.cell).join(rollouts, rollouts.c.id == rollout_cells.c.rollout_id)
    found = (await connection.execute(wanted.where(worked_on, rollout_cells.c.cell.in_(names)).limit(1))).scalar_one_or_none()
    if found is not None:
        raise Conflict(f"the tables of {found} are being migrated; see: waggle fleet show")


async def _record(connection: AsyncConnection, rollout: Rollout, changed: Sequence[RolloutCell], values: Mapping[str, Any]) -> Rollout:
    ending = {"ended_at": func.clock_timestamp(), "lease_until": None} if values.get("state") in ENDED_ROLLOUTS else {}
    as_read = and_(rollouts.c.id == rollout.id, rollouts.c.version == rollout.version)
    recorded = update(rollouts).where(as_read).values(version=rollout.version + 1, **values, **ending)
    if (await connection.execute(recorded)).rowcount != 1:
        raise Conflict(f"rollout {rollout.id} has gone on meanwhile")
    for cell in changed:
        await connection.execute(_change(rollout.id, cell))
    found = await _read(connection, select(rollouts).where(rollouts.c.id == rollout.id))
    assert found is not None
    return found


def _change(rollout_id: str, cell: RolloutCell) -> Any:
    here = and_(rollout_cells.c.rollout_id == rollout_id, rollout_cells.c.cell == cell.cell)
    values = {"stage": cell.stage, "facts": dict(cell.facts), "problem": cell.problem[:PROBLEM_CHARACTERS_MAX]}
    entered = {"stage_at": func.clock_timestamp()} if cell.stage_age_s == 0.0 else {}
    return update(rollout_cells).where(here).values(**values, **entered)


async def _read(connection: AsyncConnection, wanted: Any) -> Rollout | None:
    age = func.extract("epoch", func.coalesce(rollouts.c.ended_at, func.clock_timestamp()) - rollouts.c.created_at)
    row = (await connection.execute(wanted.add_columns(age.label("age_s"), _now_s().label("now_s")))).one_or_none()
    if row is None:
        return None
    counted = select(rollout_cells.c.stage, func.count().label("n")).where(rollout_cells.c.rollout_id == row.id)
    counts = {CellStage(one.stage): int(one.n) for one in await connection.execute(counted.group_by(rollout_cells.c.stage))}
    return Rollout(
        id=row.id,
        kind=RolloutKind(row.kind),
        target=row.target,
        state=RolloutState(row.state),
        wave=row.wave,
        version=row.version,
        facts=row.facts,
        problem=row.problem,
        created_at=row.created_at,
        ended_at=row.ended_at,
        age_s=float(row.age_s),
        counts=counts,
        applier=_applier(row.facts.get("applier"), float(row.now_s)),
    )


def _now_s() -> Any:
    return func.extract("epoch", func.clock_timestamp())


def _applier(kept: Mapping[str, Any] | None, now_s: float) -> Applier | None:
    if kept is None or kept["until_s"] <= now_s:
        return None
    return Applier(kept["holder"], kept["name"], max(0.0, now_s - kept["since_s"]))


def _values(rollout_id: str, cell: RolloutCell) -> dict[str, Any]:
    return {"rollout_id": rollout_id, "cell": cell.cell, "wave": cell.wave, "stage": cell.stage, "facts": dict(cell.facts)}


def _cell(row: Row[Any]) -> RolloutCell:
    return RolloutCell(CellName(row.cell), row.wave, CellStage(row.stage), row.facts, row.problem, float(row.age_s))
