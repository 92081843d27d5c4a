"""How busy this process is, as its heartbeats say it."""

from sqlalchemy import text

from cells.app.settings import CellSettings
from cells.runtime.gateway import Gateway
from cells.runtime.log import WorkspaceLog
from cells.runtime.tenancy import Database, NotExecuted, TenancyTable
from chassis.clock import Clock
from protos.directory.v1 import directory_pb2

MEASURE_S = 30.0
"""How old the size of the database may be: reading it walks every file."""

_SIZE = text("SELECT pg_database_size(current_database())")
_REVISION = text("SELECT version_num FROM alembic_version")


class Load:
    def __init__(
        self,
        *,
        settings: CellSettings,
        address: str,
        process_id: str,
        version: str,
        database: Database,
        table: TenancyTable,
        log: WorkspaceLog,
        gateway: Gateway | None,
        clock: Clock,
    ) -> None:
        self._settings, self._version = settings, version
        self._endpoint = directory_pb2.Endpoint(address=address, roles=settings.roles, process_id=process_id)
        self._database, self._table, self._log, self._gateway, self._clock = database, table, log, gateway, clock
        self._bytes, self._revision, self._measured_s = 0, "", float("-inf")
        self._events, self._counted_s = log.appended, clock.monotonic_s()

    async def compose(self, draining: bool) -> directory_pb2.HeartbeatRequest:
        await self._measure()
        return directory_pb2.HeartbeatRequest(
            cell=self._settings.name,
            region=self._settings.region,
            endpoint=self._endpoint,
            load=directory_pb2.Load(
                workspaces=self._table.count_active(),
                connections=self._gateway.connections if self._gateway else 0,
                messages_per_s=self._messages_per_s(),
                database_bytes=self._bytes,
            ),
            version=self._version,
            schema_revision=self._revision,
            draining=draining,
        )

    def _messages_per_s(self) -> float:
        now_s, events = self._clock.monotonic_s(), self._log.appended
        rate = (events - self._events) / max(now_s - self._counted_s, 0.001)
        self._events, self._counted_s = events, now_s
        return rate

    async def _measure(self) -> None:
        if self._clock.monotonic_s() - self._measured_s < MEASURE_S:
            return
        self._measured_s = self._clock.monotonic_s()
        try:
            async with self._database.upkeep() as connection:
                self._bytes = (await connection.execute(_SIZE)).scalar_one()
                self._revision = (await connection.execute(_REVISION)).scalar_one_or_none() or ""
        except NotExecuted:
            return  # said without it; measured again in a while
