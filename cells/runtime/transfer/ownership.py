"""The verbs on a tenancy row: take the lock, decide, store, tell."""

import secrets
from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from cells.runtime.bus import Bus
from cells.runtime.tenancy import Database, NotMine, Tenancy, TenancyState, TenancyTable, TenantScope, tenancy, tenancy_of
from cells.runtime.transfer import transitions
from cells.runtime.transfer.locking import LOCK_TIMEOUT_MS, locked
from chassis.identity import WorkspaceId

TENANCY_TOPIC = "tenancy"
SECRET_BYTES = 32


class Ownership:
    def __init__(self, database: Database, table: TenancyTable, bus: Bus | None) -> None:
        self._database = database
        self._table = table
        self._bus = bus

    async def admit(self, workspace_id: WorkspaceId, name: str, subdomain: str, epoch: int) -> Tenancy:
        """The workspace's row, made now (active) or found as it is."""
        fresh = insert(tenancy).values(
            workspace_id=workspace_id,
            epoch=epoch,
            state=TenancyState.ACTIVE,
            secret=secrets.token_bytes(SECRET_BYTES),
            name=name,
            subdomain=subdomain,
        )
        scope = TenantScope(workspace_id, epoch)
        async with self._database.writing(scope) as connection:
            await connection.execute(fresh.on_conflict_do_nothing())
            row = tenancy_of((await connection.execute(select(tenancy).where(tenancy.c.workspace_id == workspace_id))).one())
        return self._tell(row)

    async def freeze(self, workspace_id: WorkspaceId, epoch: int, lock_timeout_ms: int) -> Tenancy:
        return await self._change(workspace_id, lambda row: transitions.freeze(row, epoch), lock_timeout_ms)

    async def open(self, workspace_id: WorkspaceId, epoch: int) -> Tenancy:
        return await self._change(workspace_id, lambda row: transitions.open_at(row, epoch))

    async def suspend(self, workspace_id: WorkspaceId, epoch: int) -> Tenancy:
        return await self._change(workspace_id, lambda row: transitions.suspend(row, epoch))

    async def retire(self, workspace_id: WorkspaceId, epoch: int, cell: str) -> Tenancy:
        return await self._change(workspace_id, lambda row: transitions.retire(row, epoch, cell))

    async def census(self) -> list[Tenancy]:
        async with self._database.census() as connection:
            return [tenancy_of(row) for row in await connection.execute(select(tenancy).order_by(tenancy.c.workspace_id))]

    async def look(self, workspace_id: WorkspaceId) -> Tenancy:
        """The row as the database has it now; raises NotMine."""
        async with self._database.reading(TenantScope(workspace_id, 0)) as connection:
            row = (await connection.execute(select(tenancy).where(tenancy.c.workspace_id == workspace_id))).one_or_none()
        if row is None:
            raise NotMine(workspace_id)
        self._table.learn(tenancy_of(row))
        return tenancy_of(row)

    async def _change(self, workspace_id: WorkspaceId, decide: Callable[[Tenancy], Tenancy], timeout_ms: int = LOCK_TIMEOUT_MS) -> Tenancy:
        async with locked(self._database, TenantScope(workspace_id, 0), timeout_ms) as (connection, row):
            decided = decide(row)
            if decided != row:
                mine = tenancy.c.workspace_id == workspace_id
                values = {"state": decided.state, "epoch": decided.epoch, "moved_to": decided.moved_to}
                await connection.execute(update(tenancy).where(mine).values(values))
        return self._tell(decided)

    def _tell(self, row: Tenancy) -> Tenancy:
        self._table.learn(row)
        if self._bus is not None:
            self._bus.publish(TENANCY_TOPIC, b"")
        return row
