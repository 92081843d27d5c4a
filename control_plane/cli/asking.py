"""One connection, one or more calls of Admin, and failures as one line."""

import asyncio
import getpass
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import grpc

from chassis.rpc import Tls, channel
from chassis.settings import load
from control_plane.cli.errors import EXIT_NOT_RUNNING, CliError, NotRunning
from control_plane.cli.home import Platform, running_platform
from protos.admin.v1 import admin_pb2_grpc, failover_pb2_grpc, fleet_pb2_grpc, rebalance_pb2_grpc

if TYPE_CHECKING:
    from protos.admin.v1.admin_pb2_grpc import AdminAsyncStub
    from protos.admin.v1.failover_pb2_grpc import FailoverAsyncStub
    from protos.admin.v1.fleet_pb2_grpc import FleetAsyncStub
    from protos.admin.v1.rebalance_pb2_grpc import RebalanceAsyncStub

CONNECT_S_MAX = 3.0
CALL_S_MAX = 30.0

T = TypeVar("T")


class Admin:
    """`await admin(stub.Method, request)`: with a deadline, and with who typed for the audit."""

    def __init__(self, line: grpc.aio.Channel) -> None:
        self.stub: AdminAsyncStub = admin_pb2_grpc.AdminStub(line)
        self.failover: FailoverAsyncStub = failover_pb2_grpc.FailoverStub(line)
        self.fleet: FleetAsyncStub = fleet_pb2_grpc.FleetStub(line)
        self.rebalance: RebalanceAsyncStub = rebalance_pb2_grpc.RebalanceStub(line)
        self.metadata = (("waggle-actor", _typist()),)

    async def __call__(self, method: Callable[..., Awaitable[T]], request: object, *, within_s: float = CALL_S_MAX) -> T:
        return await method(request, timeout=within_s, metadata=self.metadata)


def ask(home: Path, work: Callable[[Admin], Awaitable[T]]) -> T:
    """Run `work` against the platform in `home`. Raises NotRunning or CliError."""
    return asyncio.run(_ask(running_platform(home), work))


async def _ask(platform: Platform, work: Callable[[Admin], Awaitable[T]]) -> T:
    await _require_listener(platform)
    async with channel(platform.control_plane, platform.credential, load(Tls, os.environ)) as connected:
        try:
            return await work(Admin(connected))
        except grpc.aio.AioRpcError as error:
            raise CliError(line_of(error)) from None


async def _require_listener(platform: Platform) -> None:
    """gRPC would try again and again where nobody listens; a person wants to know at once."""
    host, _, port = platform.control_plane.rpartition(":")
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError, ValueError):
        if platform.named:
            raise CliError(f"nobody answers at {platform.control_plane}, which WAGGLE_ADMIN_ADDRESS names", EXIT_NOT_RUNNING) from None
        raise NotRunning(platform.home) from None
    writer.close()


def line_of(error: grpc.aio.AioRpcError) -> str:
    said = " ".join((error.details() or "").split())
    match error.code():
        case grpc.StatusCode.UNAUTHENTICATED:
            return "the control plane does not accept this credential; is --home the home of the running platform?"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"the control plane did not answer within {CALL_S_MAX:.0f} s"
    return said or f"the control plane answered {error.code().name}"


def _typist() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in many containers
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}".encode("ascii", "replace").decode()
