"""Composition root of a cell's process: database, bus, log, workload, doors; closed in reverse."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health  # type: ignore[attr-defined]  # its stubs end before it

from cells.app.flag_watch import FlagWatch, recall
from cells.app.heartbeat import Heartbeat
from cells.app.load import Load
from cells.app.load_reports import LoadReports
from cells.app.settings import CellSettings
from cells.app.upkeep import Upkeep
from cells.app.upkeep_report import UpkeepReport
from cells.app.vitals import Vitals
from cells.runtime.bus import Bus, Claims, Ephemerals, Remembered, Shared
from cells.runtime.gateway import Gateway, open_gateway
from cells.runtime.ingress import Ingress
from cells.runtime.jobs import DueWork, Errands, Followers
from cells.runtime.log import Rehearsal, Tenants, WorkspaceLog
from cells.runtime.tenancy import Arrivals, Database, NotExecuted, RoleBypassesIsolation, TenancyTable, open_database
from cells.runtime.tenancy.flags import KeptFlags
from cells.runtime.transfer import (
    TENANCY_TOPIC,
    AttachmentService,
    CellService,
    Commands,
    Forgetting,
    Inspector,
    Moves,
    OwnerDatabase,
    Ownership,
    TransferService,
    travelling,
)
from cells.runtime.workload import Workload
from chassis.background import in_background
from chassis.backoff import Backoff
from chassis.clock import Clock, SystemClock
from chassis.errors import SettingsError
from chassis.flags import Switchboard
from chassis.process import Lifecycle, serving_health
from chassis.rpc import channel, credential_from_file, listen, server
from protos.cell.v1 import attachments_pb2_grpc, cell_pb2_grpc, transfer_pb2_grpc

STOP_GRACE_S = 2.0
MakeWorkload = Callable[[Clock, Claims, Remembered, Shared], Workload]
_log = structlog.get_logger("cell")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a process of any role has."""

    settings: CellSettings
    clock: Clock
    database: Database
    bus: Bus | None
    table: TenancyTable
    log: WorkspaceLog
    workload: Workload
    process_id: str
    ephemerals: Ephemerals
    flags: Switchboard
    upkeep: Upkeep

    @property
    def tenants(self) -> Tenants:
        return Tenants(self.table, self.database, self.log, self.ephemerals)


class StoppedWaiting(Exception):
    pass


async def serve(settings: CellSettings, make_workload: MakeWorkload, lifecycle: Lifecycle, flags: Switchboard | None = None) -> None:
    """Until told to stop; then take nothing new, finish what there is, close. `flags`: what the workload looks at, and is kept current."""
    with contextlib.suppress(StoppedWaiting):
        async with (
            serving_health(lifecycle, settings.health.host, settings.health.port),
            opened(settings, make_workload, lifecycle, flags or Switchboard(settings.name)) as parts,
            doors(parts) as (ingress, heartbeat),
        ):
            lifecycle.ready()
            _log.info("ready", role=settings.role, process_id=parts.process_id)
            await lifecycle.stopping.wait()
            await _drain(parts, ingress, heartbeat)


async def _drain(parts: Parts, ingress: Ingress, heartbeat: Heartbeat | None) -> None:
    """The directory first, so that no router comes back; then the tunnels; then what they left in the log's queue."""
    if heartbeat is not None:
        await heartbeat.leave()
    await ingress.drain(parts.settings.drain_s)
    await parts.log.settle()


@asynccontextmanager
async def opened(settings: CellSettings, make_workload: MakeWorkload, lifecycle: Lifecycle, flags: Switchboard) -> AsyncIterator[Parts]:
    """Everything but the doors; yields once the cell's workspaces are known, for until then every answer would be wrong."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(settings.database_url, pool_size=settings.database_connections, application=f"waggle-{settings.name}")
        )
        bus = Bus(settings.redis_url) if settings.redis_url else None
        if bus is not None:
            await stack.enter_async_context(bus.running())
        table, log = TenancyTable(database), WorkspaceLog(database, bus, clock)
        stack.push_async_callback(log.close)
        if bus is not None:
            bus.subscribe(TENANCY_TOPIC, lambda _: table.wake())
        await _database_answers(database, table, lifecycle)
        await recall(flags, KeptFlags(database))
        await stack.enter_async_context(table.watching())
        workload = make_workload(clock, Claims(bus, clock), Remembered(bus), Shared(bus, clock))
        if workload.lifespan is not None:
            await stack.enter_async_context(workload.lifespan())
        upkeep = _upkeep(settings, database, workload, clock)
        if settings.plays("worker"):
            await stack.enter_async_context(in_background(upkeep.run()))
            await stack.enter_async_context(in_background(DueWork(workload.due, database, log, clock).run()))
            await stack.enter_async_context(in_background(Errands(workload.errands, Tenants(table, database, log), clock).run()))
            await stack.enter_async_context(in_background(Followers(workload.followers, Tenants(table, database, log)).run()))
        process_id = f"{settings.name}-{settings.role}-{secrets.token_hex(4)}"
        yield Parts(settings, clock, database, bus, table, log, workload, process_id, Ephemerals(bus), flags, upkeep)


def _upkeep(settings: CellSettings, database: Database, workload: Workload, clock: Clock) -> Upkeep:
    made, emptied, readers = workload.partitions, workload.emptied, workload.log_readers
    return Upkeep(database, clock, settings.log_days, made, emptied, readers)


@asynccontextmanager
async def doors(parts: Parts) -> AsyncIterator[tuple[Ingress, Heartbeat | None]]:
    """Where routers and the control plane come in, and word of it."""
    settings, credential = parts.settings, credential_from_file(parts.settings.token_file)
    async with AsyncExitStack() as stack:
        gateway = await _gateway(parts, stack)
        ingress = Ingress(
            app=parts.workload.app,
            require_tenant=parts.tenants.require,
            door=gateway,
            cell=settings.name,
            process_id=parts.process_id,
            version=_version(settings),
            arrivals=Arrivals(parts.tenants.table),
        )
        grpc_server = server(credential)
        owner = _owner(parts.settings, stack)
        await _register(grpc_server, ingress, parts, gateway, owner)
        port = listen(grpc_server, str(settings.listen), settings.tls)
        await grpc_server.start()
        stack.push_async_callback(grpc_server.stop, STOP_GRACE_S)
        yield ingress, await _heartbeat(parts, gateway, ingress, port, credential, stack)


def _version(settings: CellSettings) -> str:
    return settings.build or version("waggle")


async def _gateway(parts: Parts, stack: AsyncExitStack) -> Gateway | None:
    sessions = parts.workload.sessions
    if sessions is None or not parts.settings.plays("gateway"):
        return None
    opening = open_gateway(sessions=sessions, tenants=parts.tenants, clock=parts.clock, attendance=parts.workload.attendance)
    return await stack.enter_async_context(opening)


async def _register(
    grpc_server: grpc.aio.Server, ingress: Ingress, parts: Parts, gateway: Gateway | None, owner: OwnerDatabase | None
) -> None:
    ownership = Ownership(parts.database, parts.table, parts.bus)
    commands = Commands(parts.workload, parts.tenants, ownership)
    sessions_of = gateway.sessions_of if gateway is not None else lambda _: 0
    cell = CellService(ownership, commands, Inspector(parts.database, parts.bus), sessions_of)
    cell_pb2_grpc.add_CellServicer_to_server(cell, grpc_server)
    transfer_pb2_grpc.add_TransferServicer_to_server(_transfer(parts, ownership, owner, ingress), grpc_server)
    attachments_pb2_grpc.add_AttachmentsServicer_to_server(_attachments(parts, ownership), grpc_server)
    ingress.register(grpc_server)
    healthy = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, grpc_server)
    await healthy.set("", health_pb2.HealthCheckResponse.SERVING)


def _owner(settings: CellSettings, stack: AsyncExitStack) -> OwnerDatabase | None:
    if not settings.owner_database_url:
        return None
    owner = OwnerDatabase(settings.owner_database_url)
    stack.push_async_callback(owner.close)
    return owner


def _transfer(parts: Parts, ownership: Ownership, owner: OwnerDatabase | None, ingress: Ingress) -> TransferService:
    workload, gone = parts.workload, parts.table.wake
    forgetting = None if workload.forget is None else Forgetting(workload.forget, parts.clock)
    attached = workload.attachments.told_by if workload.attachments is not None else frozenset[str]()
    rehearsal = None if workload.rehearsal is None else Rehearsal(parts.database, parts.clock, workload.rehearsal)
    tables, in_flight = travelling(workload.tables), lambda: ingress.in_flight
    return TransferService(Moves(owner, tables, ownership, gone, forgetting, in_flight, attached=attached, rehearsal=rehearsal))


def _attachments(parts: Parts, ownership: Ownership) -> AttachmentService:
    settings, credential = parts.settings, credential_from_file(parts.settings.token_file)
    return AttachmentService(parts.workload.attachments, ownership, lambda address: channel(address, credential, settings.tls))


async def _heartbeat(
    parts: Parts, gateway: Gateway | None, ingress: Ingress, port: int, credential: str, stack: AsyncExitStack
) -> Heartbeat | None:
    settings = parts.settings
    if settings.control_plane is None:
        return None
    vitals = Vitals(ingress.tally, parts.database)
    stack.push_async_callback(vitals.close)
    load = Load(
        settings=settings,
        address=str(settings.advertise or f"{settings.listen.host}:{port}"),
        process_id=parts.process_id,
        version=_version(settings),
        database=parts.database,
        table=parts.table,
        log=parts.log,
        gateway=gateway,
        clock=parts.clock,
        notices=parts.workload.notices,
        vitals=vitals,
        flags=parts.flags,
        upkeep=UpkeepReport(parts.upkeep) if settings.plays("worker") else None,
    )
    line = channel(str(settings.control_plane), credential, settings.tls)
    stack.push_async_callback(line.close, None)
    heartbeat = Heartbeat(line, load.compose)
    await stack.enter_async_context(heartbeat.beating())
    watch = FlagWatch(line, parts.flags, KeptFlags(parts.database), settings.name, parts.process_id, heartbeat.soon)
    await stack.enter_async_context(watch.watching())
    await _report_loads(parts, gateway, line, stack)
    return heartbeat


async def _report_loads(parts: Parts, gateway: Gateway | None, line: grpc.aio.Channel, stack: AsyncExitStack) -> None:
    is_worker = parts.settings.plays("worker")
    reports = LoadReports(
        line=line,
        cell=parts.settings.name,
        process_id=parts.process_id,
        table=parts.table,
        sessions_of=gateway.sessions_of if gateway is not None else lambda _: 0,
        tells_seqs=is_worker,
        clock=parts.clock,
    )
    await stack.enter_async_context(in_background(reports.run()))
    if is_worker:
        tables = [table.name for table in travelling(parts.workload.tables)]
        await stack.enter_async_context(in_background(reports.keep_sizing(parts.database, tables)))


async def _database_answers(database: Database, table: TenancyTable, lifecycle: Lifecycle) -> None:
    """Wait for the database, for as long as it takes (its supervisor may start it later), unless told to stop."""
    attempt, backoff = 0, Backoff(limit_s=2.0)
    while True:
        try:
            await database.check_role()
            await table.refresh()
        except RoleBypassesIsolation as error:
            raise SettingsError(f"WAGGLE_CELL_DATABASE_URL: {error}") from None
        except NotExecuted as error:
            lifecycle.unready(f"waiting for the database: {error}")
            _log.warning("waiting for the database", error=str(error))
        else:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(backoff.delay_s(attempt)):
                await lifecycle.stopping.wait()
            raise StoppedWaiting
        attempt += 1
