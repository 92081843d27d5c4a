"""Workspaces and changes for tests of the runtime, which knows nothing of chat."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from cells.runtime.bus import Bus
from cells.runtime.log import Event, Transaction, WorkspaceLog
from cells.runtime.tenancy import Database, TenantScope, open_database
from chassis.clock import SystemClock
from chassis.errors import WaggleError
from chassis.identity import WorkspaceId, make_workspace_id


class Unsaid(WaggleError):
    code = "unsaid"


class Poison(Exception):
    pass


@dataclass(frozen=True)
class Say:
    """Announces `text` and answers with its time. Some texts are refused, some break the whole batch, some say nothing."""

    text: str

    async def apply(self, tx: Transaction) -> int:
        (outcome,) = await self.apply_many(tx, [self])
        if isinstance(outcome, WaggleError):
            raise outcome
        return outcome

    @classmethod
    async def apply_many(cls, tx: Transaction, changes: Sequence["Say"]) -> Sequence[int | WaggleError]:
        return [change._say(tx) for change in changes]

    def _say(self, tx: Transaction) -> int | WaggleError:
        if self.text.startswith("poison"):
            raise Poison(self.text)
        if self.text.startswith("refused"):
            return Unsaid(self.text)
        if self.text.startswith("quiet"):
            return 0
        ts_us = tx.next_ts_us()
        tx.append(Event("said", ("C1",), self.text))
        return ts_us


@dataclass(frozen=True)
class SayAlone:
    """Like `Say`, but never applied together with others."""

    text: str

    async def apply(self, tx: Transaction) -> int:
        return await Say(self.text).apply(tx)


async def a_workspace(owner_url: str, *, state: str = "active", epoch: int = 1) -> TenantScope:
    workspace_id = make_workspace_id()
    await execute(
        owner_url,
        "INSERT INTO tenancy (workspace_id, epoch, state, secret, name, subdomain) VALUES ($1, $2, $3, $4, $1, $1)",
        workspace_id,
        epoch,
        state,
        secrets.token_bytes(32),
    )
    return TenantScope(workspace_id, epoch)


async def set_tenancy(owner_url: str, workspace_id: WorkspaceId, state: str, epoch: int) -> None:
    await execute(owner_url, "UPDATE tenancy SET state = $2, epoch = $3 WHERE workspace_id = $1", workspace_id, state, epoch)


async def execute(url: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()


@asynccontextmanager
async def a_log(app_url: str, bus: Bus | None = None) -> AsyncIterator[tuple[Database, WorkspaceLog]]:
    """A process's own database and log."""
    async with open_database(app_url) as database:
        log = WorkspaceLog(database, bus, SystemClock())
        try:
            yield database, log
        finally:
            await log.settle()
            await log.close()
