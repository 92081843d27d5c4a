"""Composition root of one router process: routes, forwarder, edge; closed in reverse."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

import grpc
import structlog

from chassis.background import in_background
from chassis.clock import SystemClock
from chassis.process import Lifecycle, serving_health
from chassis.rpc import channel, credential_from_file
from chassis.settings import Address
from router.app.settings import RouterSettings, Settings
from router.edge.app import EdgeApp
from router.edge.finding import Finder
from router.edge.limits import Limits
from router.edge.serving import serving
from router.forward import Forwarder, forwarding
from router.routes.resolve import Resolver
from router.routes.snapshot import SnapshotKeeper, SnapshotStore
from router.routes.table import RouteTable
from router.routes.watch import DirectoryWatch

log = structlog.get_logger("router")


async def serve(settings: Settings, sock: socket.socket, lifecycle: Lifecycle) -> None:
    """Serve clients on `sock` until the lifecycle stops; then finish what is in flight."""
    router, worker = settings.router, settings.worker.index
    credential = credential_from_file(router.token_file)
    table = RouteTable()
    held = await asyncio.to_thread(load_routes, table, router)
    async with AsyncExitStack() as stack:
        health = health_address(router.health, worker)
        health_port = await stack.enter_async_context(serving_health(lifecycle, health.host, health.port))
        control = await stack.enter_async_context(opened(channel(str(router.control_plane), credential, router.tls)))
        watch = DirectoryWatch(table, control, router_id=router_id(router, worker), address=str(Address(health.host, health_port)))
        if worker == 0:  # one writer of the files; every worker reads them
            await stack.enter_async_context(in_background(SnapshotKeeper(table, SnapshotStore(router.home)).run()))
        await stack.enter_async_context(in_background(watch.run()))
        forwarder = await stack.enter_async_context(forwarder_of(table, router, credential))
        app = edge_app(router, table, control, forwarder)
        await stack.enter_async_context(serving(app, sock, router.edge.serving, on_stop=app.drain))
        log.info("serving", listen=str(router.listen), health_port=health_port, worker=worker, routes=len(table))
        await until_ready(watch, lifecycle, held=held)
        await lifecycle.stopping.wait()


def load_routes(table: RouteTable, router: RouterSettings) -> bool:
    """Whether there were routes on disk."""
    snapshot = SnapshotStore(router.home).load()
    if snapshot is None:
        return False
    snapshot.put_into(table)
    log.info("routes_from_disk", version=table.version, routes=len(table))
    return True


def edge_app(router: RouterSettings, table: RouteTable, control: grpc.aio.Channel, forwarder: Forwarder) -> EdgeApp:
    clock = SystemClock()
    finder = Finder(Resolver(table, control, clock), router.edge.domain, table.flags)
    limits = Limits(clock, address=router.limits.address, loopback=router.limits.loopback, workspace=router.limits.workspace)
    return EdgeApp(finder=finder, forwarder=forwarder, limits=limits, http=router.edge.http, sockets=router.edge.sockets)


def forwarder_of(table: RouteTable, router: RouterSettings, credential: str) -> contextlib.AbstractAsyncContextManager[Forwarder]:
    return forwarding(
        table,
        channel_of=lambda address: channel(address, credential, router.tls),
        process_id=f"router-{secrets.token_hex(6)}",
        version=version("waggle"),
    )


async def until_ready(watch: DirectoryWatch, lifecycle: Lifecycle, *, held: bool) -> None:
    """Ready with routes from disk or from the control plane, whichever is first; a router without either sends nobody anywhere."""
    if not held:
        lifecycle.unready("no routes yet: the control plane was not reached and there are none on disk")
        waiting = [asyncio.ensure_future(event.wait()) for event in (watch.synced, lifecycle.stopping)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
    lifecycle.ready()


def health_address(configured: Address, worker: int) -> Address:
    return Address(configured.host, configured.port + worker if configured.port else 0)


def router_id(router: RouterSettings, worker: int) -> str:
    name = router.router_id or f"{socket.gethostname()}:{router.listen.port}"
    return name if router.workers == 1 else f"{name}/{worker}"


@asynccontextmanager
async def opened(to: grpc.aio.Channel) -> AsyncIterator[grpc.aio.Channel]:
    try:
        yield to
    finally:
        await to.close(None)
