"""What the tunnel alone costs: a forwarder in this process, an ingress with an echo app in another, gRPC on loopback between them.

`python -m bench.tunnel [--seconds 3]` prints one line for each number in flight. Client CPU is this process's, per request,
forwarder and load generator included. 200-byte bodies, 4 headers.
"""

import argparse
import asyncio
import multiprocessing
import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import grpc
import uvloop

from cells.runtime.ingress import Ingress
from cells.runtime.workload import Receive, Scope, Send
from chassis.identity import CellName, WorkspaceId
from chassis.stream import BATCH_FRAMES
from protos.tunnel.v1 import tunnel_pb2
from router.forward import Forwarder, Reply, forwarding
from router.routes.table import CellEntry, Endpoint, Route, RouteTable

WORKSPACE = WorkspaceId("T123456789A")
ROUTE = Route(WORKSPACE, "bench", CellName("bench"), 1, "active")
IN_FLIGHT = (1, 8, 32, 128)
_BODY = b"b" * 200


@dataclass(frozen=True, slots=True)
class Measured:
    what: str
    in_flight: int
    per_s: float
    client_cpu_us: float
    p50_ms: float
    p99_ms: float
    frames_per_batch: float


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": message["body"]})


def serve(parent: Connection) -> None:
    """The cell's process; ends when the parent says so."""
    uvloop.run(_serve(parent))


async def _serve(parent: Connection) -> None:
    ingress = Ingress(app=echo, require_tenant=_anyone, door=None, cell="bench", process_id="bench-cell")
    server = grpc.aio.server()
    ingress.register(server)
    unary = grpc.unary_unary_rpc_method_handler(_unary, tunnel_pb2.Request.FromString, tunnel_pb2.Reply.SerializeToString)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Unary", {"Call": unary}),))
    parent.send(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    await asyncio.to_thread(parent.recv)
    await server.stop(None)


def _anyone(_workspace_id: WorkspaceId, _epoch: int) -> Any:
    return None


async def _unary(request: tunnel_pb2.Request, _context: object) -> tunnel_pb2.Reply:
    return tunnel_pb2.Reply(status=200, body=request.body)


def request() -> tunnel_pb2.Request:
    headers = [tunnel_pb2.Header(name=b"x-header-%d" % n, value=b"v" * 20) for n in range(4)]
    return tunnel_pb2.Request(workspace_id=WORKSPACE, method="POST", path=b"/api/chat.postMessage", headers=headers, body=_BODY)


async def measure(what: str, call: Callable[[], Awaitable[object]], in_flight: int, seconds: float) -> Measured:
    took_s: list[float] = []
    batches, frames = _batches()
    cpu_s, began_s = _cpu_s(), time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - began_s < seconds:
            at_s = time.perf_counter()
            await call()
            took_s.append(time.perf_counter() - at_s)

    await asyncio.gather(*(client() for _ in range(in_flight)))
    elapsed_s, used_s = time.perf_counter() - began_s, _cpu_s() - cpu_s
    batches, frames = (after - before for after, before in zip(_batches(), (batches, frames), strict=True))
    took_s.sort()
    return Measured(
        what,
        in_flight,
        len(took_s) / elapsed_s,
        used_s / len(took_s) * 1e6,
        took_s[len(took_s) // 2] * 1e3,
        took_s[len(took_s) * 99 // 100] * 1e3,
        frames / batches if batches else 0.0,
    )


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _batches() -> tuple[float, float]:
    [metric] = BATCH_FRAMES.labels("router").collect()
    values = {sample.name.rpartition("_")[2]: sample.value for sample in metric.samples}
    return values["count"], values["sum"]


async def drive(port: int, seconds: float) -> list[Measured]:
    table = RouteTable()
    endpoint = Endpoint(f"127.0.0.1:{port}", ("api",), "bench-cell")
    table.replace("bench", 1, [ROUTE], [CellEntry(ROUTE.cell, "local", "active", (endpoint,))])
    async with forwarding(table, channel_of=grpc.aio.insecure_channel, process_id="bench-router") as forwarder:
        while not forwarder.usable("bench"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        found = [await measure("tunnel", _through(forwarder), n, seconds) for n in IN_FLIGHT]
    async with grpc.aio.insecure_channel(endpoint.address) as channel:
        unary = channel.unary_unary("/bench.Unary/Call", tunnel_pb2.Request.SerializeToString, tunnel_pb2.Reply.FromString)
        found += [await measure("unary", lambda: unary(request()), n, seconds) for n in (1, 32)]
    return found


def _through(forwarder: Forwarder) -> Callable[[], Awaitable[Reply]]:
    return lambda: forwarder.call(ROUTE, request())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each line")
    seconds = parser.parse_args().seconds
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    process.start()
    try:
        found = uvloop.run(drive(ours.recv(), seconds))
    finally:
        ours.send(None)
        process.join(10)
    print(f"{'':8}{'in flight':>10}{'req/s':>10}{'client us':>11}{'p50 ms':>9}{'p99 ms':>9}{'frames/batch':>14}")
    for line in found:
        print(
            f"{line.what:8}{line.in_flight:>10}{line.per_s:>10.0f}{line.client_cpu_us:>11.1f}"
            f"{line.p50_ms:>9.2f}{line.p99_ms:>9.2f}{line.frames_per_batch:>14.1f}"
        )


if __name__ == "__main__":
    main()
