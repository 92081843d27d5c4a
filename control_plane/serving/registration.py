"""Registration: cell processes say that they live and how busy they are."""

import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import structlog
from prometheus_client import Counter

from chassis.addresses import HASH_BYTES, PEOPLE_MAX
from chassis.identity import CellName, ProcessId, WorkspaceId, is_workspace_id
from control_plane.registry import DATABASE_AWAY, Heartbeat, Registry, Report, TransitionRefused, Vitals
from control_plane.serving.load_reports import INTERVAL_MS as LOAD_INTERVAL_MS
from control_plane.serving.load_reports import reports_of
from control_plane.serving.names import check_cell_name
from control_plane.serving.notices import Notices
from control_plane.serving.refusals import InvalidRequest
from control_plane.serving.view import DirectoryView
from protos.directory.v1 import directory_pb2, directory_pb2_grpc

INTERVAL_MS = 2_000
ROLES = frozenset({"all", "api", "gateway", "worker"})
_ADDRESS = re.compile(r"[A-Za-z0-9_.\-\[\]:]{1,255}:[0-9]{1,5}")
_PROCESS = re.compile(r"[\x21-\x7e]{1,200}")
WORD_CHARACTERS_MAX = 100
UPKEEP_BYTES_MAX = 16 * 1024
BIG_MAX = 2**63 - 1
"""What a column holds."""

LOADS = Counter("waggle_control_loads_reported", "Loads of workspaces that cells reported")
HEARTBEATS = Counter("waggle_control_heartbeats", "Heartbeats of cell processes", ["cell"])
log = structlog.get_logger("control_plane.registration")


class RegistrationService(directory_pb2_grpc.RegistrationServicer):
    def __init__(
        self,
        registry: Registry,
        notices: Notices | None = None,
        view: DirectoryView | None = None,
        load_interval_ms: int = LOAD_INTERVAL_MS,
    ) -> None:
        self._registry, self._view = registry, view or DirectoryView()
        self._notices = notices or Notices()
        self._load_interval_ms = load_interval_ms

    async def Heartbeat(
        self, request: directory_pb2.HeartbeatRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> directory_pb2.HeartbeatReply:
        try:
            beat = _beat(request)
            changed = await self._registry.heartbeats.record(beat)
        except InvalidRequest as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except TransitionRefused as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except DATABASE_AWAY as error:
            log.warning("database_away", error=repr(error))
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the registry's database does not answer")
        HEARTBEATS.labels(beat.cell).inc()
        self._notices.note(beat.cell, beat.process_id, request.notices)
        if changed:
            log.info("cell_process_changed", cell=beat.cell, process=beat.process_id, address=beat.address, draining=beat.draining)
        return directory_pb2.HeartbeatReply(interval_ms=INTERVAL_MS)

    async def Flags(
        self, request: directory_pb2.FlagsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[directory_pb2.FlagSet]:
        check_cell_name(request.cell)
        log.info("cell_process_follows_flags", cell=request.cell, process=request.process_id, held=request.version)
        held = (request.registry_id, request.version)
        while not context.done():
            seen, flags = self._view.version, self._view.flags
            if seen and (flags.registry_id, flags.version) != held:
                yield flags
                held = (flags.registry_id, flags.version)
            await self._view.wait_beyond(seen)

    async def ReportAddresses(
        self, request: directory_pb2.ReportAddressesRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> directory_pb2.ReportAddressesReply:
        hashes = [request.hashes[at : at + HASH_BYTES] for at in range(0, len(request.hashes), HASH_BYTES)]
        if not is_workspace_id(request.workspace_id) or len(request.hashes) % HASH_BYTES or len(hashes) > PEOPLE_MAX:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not a workspace's addresses")
        report = Report(WorkspaceId(request.workspace_id), request.epoch, request.seq, hashes)
        try:
            heard = await self._registry.addresses.replace(report)
        except DATABASE_AWAY as error:
            log.warning("database_away", error=repr(error))
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the registry's database does not answer")
        log.debug("addresses_reported", workspace=request.workspace_id, count=len(hashes), heard=heard)
        return directory_pb2.ReportAddressesReply()

    async def ReportLoads(
        self, request: directory_pb2.ReportLoadsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> directory_pb2.ReportLoadsReply:
        try:
            reports = reports_of(request)
            await self._registry.loads.record(request.cell, ProcessId(request.process_id), reports)
        except InvalidRequest as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except DATABASE_AWAY as error:
            log.warning("database_away", error=repr(error))
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the registry's database does not answer")
        LOADS.inc(len(reports))
        return directory_pb2.ReportLoadsReply(interval_ms=self._load_interval_ms)


def _beat(request: directory_pb2.HeartbeatRequest) -> Heartbeat:
    check_cell_name(request.cell)
    endpoint, load = request.endpoint, request.load
    if not _PROCESS.fullmatch(endpoint.process_id):
        raise InvalidRequest("process_id must have 1 to 200 printable characters")
    if not _ADDRESS.fullmatch(endpoint.address):
        raise InvalidRequest(f"address {endpoint.address[:100]!r} is not host:port")
    if not set(endpoint.roles) <= ROLES:
        raise InvalidRequest(f"roles must be of {', '.join(sorted(ROLES))}")
    return Heartbeat(
        cell=CellName(request.cell),
        region=request.region[:WORD_CHARACTERS_MAX],
        process_id=ProcessId(endpoint.process_id),
        address=endpoint.address,
        roles=tuple(sorted(set(endpoint.roles))),
        version=request.version[:WORD_CHARACTERS_MAX],
        schema_revision=request.schema_revision[:WORD_CHARACTERS_MAX],
        workspaces=min(load.workspaces, 2**31 - 1),
        connections=min(load.connections, 2**31 - 1),
        messages_per_s=load.messages_per_s,
        database_bytes=min(load.database_bytes, BIG_MAX),
        draining=request.draining,
        vitals=_vitals(request.vitals) if request.HasField("vitals") else None,
        flags_version=min(request.flags_version, BIG_MAX),
        upkeep=_upkeep(request.upkeep) if request.HasField("upkeep") else None,
    )


def _upkeep(told: directory_pb2.Upkeep) -> bytes | None:
    """What is too long to be one is passed over."""
    encoded = told.SerializeToString()
    return encoded if len(encoded) <= UPKEEP_BYTES_MAX else None


def _vitals(told: directory_pb2.Vitals) -> Vitals:
    return Vitals(
        interval_s=told.interval_s,
        requests=min(told.requests, BIG_MAX),
        errors=min(told.errors, BIG_MAX),
        p50_ms=told.p50_ms,
        p99_ms=told.p99_ms,
        ready=told.ready,
        replication_lag_bytes=min(told.replication_lag_bytes, BIG_MAX),
        wal_retained_bytes=min(told.wal_retained_bytes, BIG_MAX),
    )
