"""Rows of runs and of their steps. Every change is a compare-and-set on the run's version, steps and run in one commit."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.identity import CellName, WorkspaceId
from control_plane.registry.errors import Conflict, RunUnknown
from control_plane.registry.load_tables import rebalance_runs as runs
from control_plane.registry.load_tables import rebalance_steps as steps
from control_plane.registry.run_facts import UNDER_WAY, NewRun, Run, RunState, RunStep, StepState

PROBLEM_CHARACTERS_MAX = 500


class Runs:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def insert(self, new: NewRun) -> Run:
        """Running from now on. Raises Conflict while another runs."""
        run_id = f"rb_{secrets.token_hex(6)}"
        row = {"id": run_id, "state": RunState.RUNNING, "version": 1, "facts": dict(new.facts)}
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(runs).values(**row))
                if new.steps:
                    await connection.execute(insert(steps), [_values(run_id, step) for step in new.steps])
        except IntegrityError as error:
            raise Conflict("a run is under way already; see: waggle rebalance show") from error
        return await self.require(run_id)

    async def require(self, run_id: str) -> Run:
        """By id; empty: the latest. Raises RunUnknown."""
        wanted = select(runs).order_by(runs.c.created_at.desc(), runs.c.id).limit(1)
        async with self._engine.connect() as connection:
            found = await _read(connection, wanted.where(runs.c.id == run_id) if run_id else wanted)
        if not found:
            raise RunUnknown(run_id)
        return found[0]

    async def list(self, *, limit: int) -> tuple[Run, ...]:
        """The latest first."""
        async with self._engine.connect() as connection:
            return await _read(connection, select(runs).order_by(runs.c.created_at.desc(), runs.c.id).limit(limit))

    async def steps(self, run_id: str, *states: StepState, limit: int = 10_000) -> tuple[RunStep, ...]:
        """In order; all, or those in one of `states`."""
        wanted = select(steps).where(steps.c.run_id == run_id).order_by(steps.c.number).limit(limit)
        if states:
            wanted = wanted.where(steps.c.state.in_(states))
        async with self._engine.connect() as connection:
            return tuple(_step(row) for row in await connection.execute(wanted))

    async def unfinished(self, *, limit: int = 10) -> tuple[Run, ...]:
        """Those that somebody must look after: running, or stopped with moves still under way."""
        moving = exists(select(steps.c.number).where(steps.c.run_id == runs.c.id, steps.c.state.in_(UNDER_WAY)))
        wanted = select(runs).where(or_(runs.c.state == RunState.RUNNING, and_(runs.c.state == RunState.STOPPED, moving)))
        async with self._engine.connect() as connection:
            return await _read(connection, wanted.order_by(runs.c.created_at).limit(limit))

    async def claim(self, run_id: str, holder: str, lease_s: float) -> Run | None:
        """The row, if the lease is free or ours already; taken or renewed for `lease_s`. None: another replica has it."""
        free = or_(runs.c.lease_holder == holder, runs.c.lease_until.is_(None), runs.c.lease_until < func.clock_timestamp())
        until = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, lease_s)
        async with self._engine.begin() as connection:
            taken = update(runs).where(runs.c.id == run_id, free).values(lease_holder=holder, lease_until=until).returning(runs.c.id)
            if (await connection.execute(taken)).one_or_none() is None:
                return None
            return (await _read(connection, select(runs).where(runs.c.id == run_id)))[0]

    async def record(
        self,
        run: Run,
        changed: Sequence[RunStep] = (),
        *,
        state: RunState | None = None,
        facts: Mapping[str, Any] | None = None,
        problem: str | None = None,
    ) -> Run:
        """Compare and set from `run` as it was read. Raises Conflict: somebody else has gone on, and nothing was changed."""
        after = state or run.state
        values: dict[str, Any] = {"version": run.version + 1, "state": after, "facts": dict(run.facts if facts is None else facts)}
        values["problem"] = (run.problem if problem is None else problem)[:PROBLEM_CHARACTERS_MAX]
        values["ended_at"] = None if after is RunState.RUNNING else func.coalesce(runs.c.ended_at, func.clock_timestamp())
        try:
            async with self._engine.begin() as connection:
                as_read = and_(runs.c.id == run.id, runs.c.version == run.version)
                if (await connection.execute(update(runs).where(as_read).values(**values))).rowcount != 1:
                    raise Conflict(f"run {run.id} has gone on meanwhile")
                if changed:
                    await connection.execute(_CHANGE, [_changed(run.id, step) for step in changed])
                return (await _read(connection, select(runs).where(runs.c.id == run.id)))[0]
        except IntegrityError as error:
            raise Conflict("another run is under way; see: waggle rebalance show") from error


_CHANGE = (
    update(steps)
    .where(steps.c.run_id == bindparam("of_run"), steps.c.number == bindparam("of_number"))
    .values(state=bindparam("now"), move_id=bindparam("by_move"), facts=bindparam("now_facts"), problem=bindparam("now_problem"))
)


def _changed(run_id: str, step: RunStep) -> dict[str, Any]:
    now = {"now": step.state, "by_move": step.move_id, "now_facts": dict(step.facts), "now_problem": step.problem[:PROBLEM_CHARACTERS_MAX]}
    return {"of_run": run_id, "of_number": step.number, **now}


def _values(run_id: str, step: RunStep) -> dict[str, Any]:
    of = {"run_id": run_id, "number": step.number, "workspace_id": step.workspace_id, "name": step.name}
    return {**of, "source": step.source, "target": step.target, "state": step.state, "facts": dict(step.facts)}


async def _read(connection: AsyncConnection, wanted: Any) -> tuple[Run, ...]:
    age = func.extract("epoch", func.coalesce(runs.c.ended_at, func.clock_timestamp()) - runs.c.created_at)
    aged = wanted.add_columns(age.label("age_s"))
    rows = (await connection.execute(aged)).all()
    counted = (
        select(steps.c.run_id, steps.c.state, func.count().label("n"))
        .where(steps.c.run_id.in_([row.id for row in rows]))
        .group_by(steps.c.run_id, steps.c.state)
    )
    counts: dict[str, dict[StepState, int]] = {}
    for row in await connection.execute(counted):
        counts.setdefault(row.run_id, {})[StepState(row.state)] = int(row.n)
    return tuple(_run(row, counts.get(row.id, {})) for row in rows)


def _run(row: Row[Any], counts: Mapping[StepState, int]) -> Run:
    return Run(
        id=row.id,
        state=RunState(row.state),
        version=row.version,
        facts=row.facts,
        problem=row.problem,
        created_at=row.created_at,
        ended_at=row.ended_at,
        age_s=float(row.age_s),
        counts=counts,
    )


def _step(row: Row[Any]) -> RunStep:
    return RunStep(
        number=row.number,
        workspace_id=WorkspaceId(row.workspace_id),
        name=row.name,
        source=CellName(row.source),
        target=CellName(row.target),
        state=StepState(row.state),
        facts=row.facts,
        move_id=row.move_id,
        problem=row.problem,
    )
