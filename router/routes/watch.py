"""Keeps the table current: one `Directory.Watch` stream, opened again with jitter whenever it ends."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc
import structlog
from prometheus_client import Counter, Gauge

from chassis.backoff import Backoff
from chassis.flags import FLAGS_MAX, FlagSet, Word
from chassis.identity import CellName
from protos.directory.v1 import directory_pb2, directory_pb2_grpc
from router.routes.resolve import route_of
from router.routes.table import CellEntry, Endpoint, Route, RouteTable

ROUTES_MAX = 5_000_000
RECONNECT = Backoff(first_s=0.2, limit_s=3.0)

ROUTE_VERSION = Gauge("waggle_router_route_version", "Version of the directory that this router has applied")
ROUTES = Gauge("waggle_router_routes", "Workspaces in the route table")
CONNECTED = Gauge("waggle_router_directory_connected", "1 while the stream of routes is open")
CHANGES = Counter("waggle_router_route_changes", "Messages of the directory applied", ["kind"])

WatchCall = grpc.aio.StreamStreamCall[directory_pb2.WatchRequest, directory_pb2.RouteChanges]
log = structlog.get_logger("router.routes")


class WatchBroken(Exception):
    """The control plane sent what does not fit what this router holds."""


@dataclass
class _Pending:
    """A snapshot whose last chunk has not come."""

    routes: list[Route] = field(default_factory=list)
    cells: list[CellEntry] = field(default_factory=list)


class DirectoryWatch:
    def __init__(self, table: RouteTable, channel: grpc.aio.Channel, *, router_id: str, address: str, backoff: Backoff = RECONNECT) -> None:
        self._table = table
        self._stub = directory_pb2_grpc.DirectoryStub(channel)
        self._router_id = router_id
        self._address = address
        self._backoff = backoff
        self._failures = 0
        self._from_scratch = False
        self.synced = asyncio.Event()
        """Set once this process has heard from the control plane."""

    async def run(self) -> None:
        """Until cancelled. A control plane that is gone is not an error here: the table stays as it is."""
        while True:
            why = await self._watch_once()
            CONNECTED.set(0)
            delay_s = self._backoff.delay_s(self._failures)
            self._failures += 1
            say = log.warning if self._failures == 1 else log.debug  # once for each time it is lost
            say("directory_lost", why=why, retry_s=round(delay_s, 2), version=self._table.version)
            await asyncio.sleep(delay_s)

    async def _watch_once(self) -> str:
        """One stream, from its start to its end; returns why it ended."""
        call: WatchCall = self._stub.Watch(None)  # None: this side writes when it likes
        try:
            await call.write(self._greeting())
            await self._follow(call)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
        except asyncio.InvalidStateError:
            return "closed while acknowledging"
        except WatchBroken as broken:
            self._from_scratch = True
            return str(broken)
        finally:
            call.cancel()
        return "closed by the control plane"

    def _greeting(self) -> directory_pb2.WatchRequest:
        held = 0 if self._from_scratch else self._table.version
        registry_id = "" if self._from_scratch else self._table.registry_id
        return directory_pb2.WatchRequest(router_id=self._router_id, registry_id=registry_id, version=held, address=self._address)

    async def _follow(self, call: WatchCall) -> None:
        pending: _Pending | None = None
        async for changes in call:
            if changes.HasField("flags"):
                self._table.take_flags(flags_of(changes.flags))
            if changes.snapshot:
                pending = await self._on_chunk(call, pending or _Pending(), changes)
            elif changes.registry_id != self._table.registry_id:
                raise WatchBroken(f"a delta of registry {changes.registry_id}, not of {self._table.registry_id}")
            else:
                self._table.apply(changes.version, map(route_of, changes.routes), map(cell_of, changes.cells))
                await self._applied(call, "delta")

    async def _on_chunk(self, call: WatchCall, pending: _Pending, changes: directory_pb2.RouteChanges) -> _Pending | None:
        pending.routes.extend(map(route_of, changes.routes))
        pending.cells.extend(map(cell_of, changes.cells))
        if len(pending.routes) > ROUTES_MAX:
            raise WatchBroken(f"a snapshot of more than {ROUTES_MAX} routes")
        if not changes.last:
            return pending
        self._table.replace(changes.registry_id, changes.version, pending.routes, pending.cells)
        log.info("directory_snapshot", version=changes.version, routes=len(pending.routes), cells=len(pending.cells))
        await self._applied(call, "snapshot")
        return None

    async def _applied(self, call: WatchCall, kind: str) -> None:
        self._failures, self._from_scratch = 0, False
        self.synced.set()
        CHANGES.labels(kind).inc()
        CONNECTED.set(1)
        ROUTE_VERSION.set(self._table.version)
        ROUTES.set(len(self._table))
        await call.write(directory_pb2.WatchRequest(router_id=self._router_id, version=self._table.version))


def flags_of(wire: directory_pb2.FlagSet) -> FlagSet:
    words = tuple(Word(flag.name, flag.on, flag.cell, flag.workspace_id) for flag in wire.flags[:FLAGS_MAX])
    return FlagSet(wire.registry_id, wire.version, words)


def cell_of(wire: directory_pb2.Cell) -> CellEntry:
    return CellEntry(CellName(wire.name), wire.region, wire.state, tuple(map(_endpoint_of, wire.endpoints)))


def _endpoint_of(wire: directory_pb2.Endpoint) -> Endpoint:
    roles: Sequence[str] = wire.roles
    return Endpoint(wire.address, tuple(roles), wire.process_id)
