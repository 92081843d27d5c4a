"""The doctor's view of one workspace: each thing it stands on, looked at by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import func, select, text

from cells.runtime.bus import Bus
from cells.runtime.log.tables import cursors, log
from cells.runtime.tenancy import Database, Tenancy, TenancyState, TenantScope, tenancy
from chassis.identity import WorkspaceId

LOOK_S_MAX = 3.0
LAG_EVENTS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Inspection:
    findings: tuple[Finding, ...]
    cursors: tuple[tuple[str, int], ...]


class Inspector:
    def __init__(self, database: Database, bus: Bus | None) -> None:
        self._database = database
        self._bus = bus

    async def servers(self) -> tuple[Finding, Finding]:
        """Database and Redis, looked at side by side; LOOK_S_MAX at most for both."""
        database, redis = await asyncio.gather(_look("database", self._see_database), _look("redis", self._see_redis))
        return database, redis

    async def inspect(self, row: Tenancy, servers: tuple[Finding, Finding]) -> Inspection:
        """With a database that answers; `servers` goes before what is found."""
        marks = await self._cursors(row.workspace_id)
        findings = (
            *servers,
            _see_tenancy(row),
            await _look("log", lambda: self._see_log(row.workspace_id)),
            _see_cursors(row, marks),
        )
        return Inspection(findings, marks)

    async def _see_database(self) -> Finding:
        async with self._database.upkeep() as connection:
            version = (await connection.execute(text("SHOW server_version"))).scalar_one()
        return Finding("database", True, f"PostgreSQL {version}")

    async def _see_redis(self) -> Finding:
        if self._bus is None:
            return Finding("redis", True, "none configured; readers poll")
        await self._bus.redis.ping()
        return Finding("redis", self._bus.connected, "connected" if self._bus.connected else "answers, not subscribed yet")

    async def _see_log(self, workspace_id: WorkspaceId) -> Finding:
        async with self._database.reading(TenantScope(workspace_id, 0)) as connection:
            heads = select(tenancy.c.seq).where(tenancy.c.workspace_id == workspace_id)
            head = (await connection.execute(heads)).scalar_one()
            lasts = select(func.max(log.c.seq)).where(log.c.workspace_id == workspace_id)
            last = (await connection.execute(lasts)).scalar_one()
        agrees = head == (last or 0)
        return Finding("log", agrees, f"head {head}" if agrees else f"head is {head}, the last event is {last or 0}")

    async def _cursors(self, workspace_id: WorkspaceId) -> tuple[tuple[str, int], ...]:
        async with self._database.reading(TenantScope(workspace_id, 0)) as connection:
            readers = (cursors.c.workspace_id == workspace_id) & ~cursors.c.name.startswith("move:")  # those are marks of moves
            mine = select(cursors.c.name, cursors.c.seq).where(readers).order_by(cursors.c.name)
            return tuple((row.name, row.seq) for row in await connection.execute(mine))


async def _look(name: str, see: Callable[[], Awaitable[Finding]]) -> Finding:
    """Bounded even where a hung server makes the clean-up of its connection wait: that ends behind our back."""
    looking = asyncio.ensure_future(see())
    looking.add_done_callback(_retrieved)
    try:
        done, _ = await asyncio.wait((looking,), timeout=LOOK_S_MAX)
        return looking.result() if done else Finding(name, False, f"does not answer within {LOOK_S_MAX:g} s")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the doctor came to see
        return Finding(name, False, f"{type(error).__name__}: {error}".splitlines()[0][:200])
    finally:
        looking.cancel()


def _retrieved(looking: "asyncio.Future[Finding]") -> None:
    if not looking.cancelled():
        looking.exception()


def _see_tenancy(row: Tenancy) -> Finding:
    return Finding("tenancy", row.state is TenancyState.ACTIVE, f"{row.state} at epoch {row.epoch}")


def _see_cursors(row: Tenancy, marks: tuple[tuple[str, int], ...]) -> Finding:
    late = [f"{name} is {row.seq - seq} events behind" for name, seq in marks if row.seq - seq > LAG_EVENTS_MAX]
    return Finding("cursors", not late, ", ".join(late) or f"{len(marks)} cursors")
