"""The runtime's `workload.Tenant`: one workspace's rows and its log, as a request may use them."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.bus import Ephemeral, Ephemerals
from cells.runtime.log.changes import Change
from cells.runtime.log.workspace_log import WorkspaceLog
from cells.runtime.tenancy import Database, Tenancy, TenancyTable, TenantScope
from chassis.identity import WorkspaceId
from chassis.telemetry import span, spanning

R = TypeVar("R")


@dataclass(slots=True)
class Progress:
    """Of one request."""

    committed: bool = False
    """Something of it is stored: whatever fails from here on, it was not `not executed`."""


@dataclass(frozen=True, slots=True)
class LoggedTenant:
    tenancy: Tenancy
    scope: TenantScope
    database: Database
    log: WorkspaceLog
    ephemerals: Ephemerals = field(default_factory=lambda: Ephemerals(None))
    progress: Progress = field(default_factory=Progress)

    @property
    def secret(self) -> bytes:
        return self.tenancy.secret

    @property
    def committed(self) -> bool:
        return self.progress.committed

    def reading(self, *settings: str) -> AbstractAsyncContextManager[AsyncConnection]:
        return spanning("database.read", self.database.reading(self.scope, *settings))

    async def commit(self, change: Change[R]) -> R:
        with span("database.commit", workspace=self.scope.workspace_id, change=type(change).__name__):
            answer = await self.log.commit(self.scope, change)
        self.progress.committed = True
        return answer

    def tell(self, groups: tuple[str, ...], text: str, *, without: tuple[str, ...] = (), key: str = "", here: bool = False) -> bool:
        return self.ephemerals.tell(Ephemeral(self.scope.workspace_id, groups, text, without, key), here=here)

    def tell_each(self, pieces: Mapping[str, str], text: str, *, key: str, here: bool = False) -> bool:
        said = Ephemeral(self.scope.workspace_id, tuple(pieces), text, (), key, tuple(pieces.items()))
        return self.ephemerals.tell(said, here=here)


@dataclass(frozen=True, slots=True)
class Tenants:
    """Lets a request at a workspace in, or says why not."""

    table: TenancyTable
    database: Database
    log: WorkspaceLog
    ephemerals: Ephemerals = field(default_factory=lambda: Ephemerals(None))

    def require(self, workspace_id: WorkspaceId, epoch: int) -> LoggedTenant:
        """Raises NotExecuted where this cell may not work for the workspace at `epoch`."""
        return self.of(self.table.require(workspace_id, epoch))

    def of(self, tenancy: Tenancy) -> LoggedTenant:
        """For the runtime's own work on a row it has just read; the fence still decides."""
        return LoggedTenant(tenancy, tenancy.scope, self.database, self.log, self.ephemerals)
