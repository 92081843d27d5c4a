"""How busy this process is, as its heartbeats say it."""

from collections.abc import Callable, Sequence

from cells.app.settings import CellSettings
from cells.app.upkeep_report import UpkeepReport
from cells.app.vitals import Vitals
from cells.runtime.gateway import Gateway
from cells.runtime.log import WorkspaceLog
from cells.runtime.tenancy import Database, DatabaseFacts, NotExecuted, TenancyTable, measure
from chassis.clock import Clock
from chassis.flags import Switchboard
from protos.directory.v1 import directory_pb2

MEASURE_S = 30.0
"""How old the size of the database may be: reading it walks every file."""


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
        vitals: Vitals,
        flags: Switchboard,
        notices: Callable[[], Sequence[str]] = tuple,
        upkeep: UpkeepReport | None = None,
    ) -> None:
        self._settings, self._version = settings, version
        self._endpoint = directory_pb2.Endpoint(address=address, roles=settings.roles, process_id=process_id)
        self._database, self._table, self._log, self._gateway, self._clock = database, table, log, gateway, clock
        self._notices, self._vitals, self._flags, self._upkeep = notices, vitals, flags, upkeep
        self._facts, self._measured_s = DatabaseFacts(0, ""), float("-inf")
        self._events, self._counted_s = log.appended, clock.monotonic_s()

    async def compose(self, draining: bool) -> directory_pb2.HeartbeatRequest:
        await self._measure()
        vitals = await self._vitals.take(draining)
        return directory_pb2.HeartbeatRequest(
            cell=self._settings.name,
            region=self._settings.region,
            endpoint=self._endpoint,
            load=directory_pb2.Load(
                workspaces=self._table.count_active(),
                connections=self._gateway.connections if self._gateway else 0,
                messages_per_s=self._messages_per_s(),
                database_bytes=self._facts.size_bytes,
            ),
            version=self._version,
            schema_revision=self._vitals.revision or self._facts.revision,
            draining=draining,
            notices=self._notices(),
            flags_version=self._flags.held.version,
            vitals=vitals,
            upkeep=await self._upkeep.take() if self._upkeep is not None else None,
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
            self._facts = await measure(self._database)
        except NotExecuted:
            return  # said without it; measured again in a while
