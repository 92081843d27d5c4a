"""The tunnel's gRPC service in a cell process."""

import asyncio
import itertools
import time
from typing import Any

import grpc
import structlog

from cells.runtime.bus.links import SessionDoor
from cells.runtime.ingress.carried import Carriage, CarriedExchange
from cells.runtime.ingress.link import DEADLINE_MS_DEFAULT, DEADLINE_MS_MAX, IN_FLIGHT_MAX, RequireTenant, TunnelLink, Work
from cells.runtime.ingress.refusals import IN_FLIGHT, REQUESTS, TUNNELS, elapsed_s
from cells.runtime.ingress.scopes import scope_of
from cells.runtime.ingress.tally import Tally
from cells.runtime.tenancy import Arrivals, NotExecuted
from cells.runtime.workload import ASGIApp
from chassis.identity import WorkspaceId
from chassis.stream import FrameStream, StreamBroken, StreamGarbage
from protos.tunnel.v1 import tunnel_pb2

LINKS_MAX = 256
SESSIONS_LEAVE_S = 2.0
CARRY_S_MAX = 3600.0
"""However steadily its body flows, a carried request ends after this."""
SERVICE = "protos.tunnel.v1.Tunnel"
CONTINUE = (("waggle-continue", "1"),)
"""Initial metadata of a Carry that was taken: the router sends the body only after it, so a refused body never left the router."""
_log = structlog.get_logger("ingress")
_seconds = REQUESTS.labels("carried")

Context = grpc.aio.ServicerContext[Any, Any]


class Ingress:
    """Serves tunnels: every request goes through `app` in this process, every session to `door`."""

    def __init__(
        self,
        *,
        app: ASGIApp,
        require_tenant: RequireTenant,
        door: SessionDoor | None,
        cell: str,
        process_id: str,
        version: str = "",
        in_flight_max: int = IN_FLIGHT_MAX,
        arrivals: Arrivals | None = None,
    ) -> None:
        self._work = Work(app, require_tenant, door, in_flight_max, arrivals=arrivals)
        IN_FLIGHT.set_function(lambda: self._work.in_flight)
        self._cell, self._process_id, self._version = cell, process_id, version
        self._links: dict[int, TunnelLink] = {}
        self._numbers = itertools.count(1)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the service. Messages pass as bytes, since frames are encoded when they are sent and garbage is ours to judge."""
        handlers = {
            "Connect": grpc.stream_stream_rpc_method_handler(self.Connect),
            "Carry": grpc.stream_stream_rpc_method_handler(self.Carry),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    @property
    def in_flight(self) -> int:
        return self._work.in_flight

    @property
    def tally(self) -> Tally:
        return self._work.tally

    async def drain(self, grace_s: float) -> None:
        """Take nothing new, tell every router, finish what is in flight for at most `grace_s`, then close the tunnels.

        Sessions get SESSIONS_LEAVE_S of that: where the cell has no other gateway they cannot leave, and resume at the next one anyway."""
        self._work.draining = True
        for link in tuple(self._links.values()):
            link.go_away("draining", int(grace_s * 1000))
        began_s = time.monotonic()
        while (waited_s := time.monotonic() - began_s) < grace_s and not self._idle(waited_s):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        for link in tuple(self._links.values()):
            link.close()

    def _idle(self, waited_s: float) -> bool:
        if self._work.in_flight or len(self._work.parcels):
            return False
        return waited_s > SESSIONS_LEAVE_S or all(link.idle for link in self._links.values())

    async def Connect(self, _requests: object, context: Context) -> None:
        if len(self._links) >= LINKS_MAX:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many tunnels")
        frames = FrameStream(context, "cell")
        link = TunnelLink(next(self._numbers), frames, self._work)
        self._links[link.id] = link
        TUNNELS.set(len(self._links))
        if self._work.draining:
            link.go_away("draining", 0)
        try:
            await frames.run(self._hello(), link.on_frame)
        except StreamGarbage as error:
            _log.warning("garbage on a tunnel", router=link.router, error=str(error), peer=context.peer())
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "garbage")
        except StreamBroken as error:
            _log.info("tunnel broken", router=link.router, error=str(error))
        finally:
            del self._links[link.id]
            TUNNELS.set(len(self._links))
            await link.lost()

    def _hello(self) -> tunnel_pb2.Hello:
        return tunnel_pb2.Hello(process_id=self._process_id, cell=self._cell, version=self._version)

    async def Carry(self, _requests: object, context: Context) -> None:
        carriage = Carriage(context)
        try:
            first = await carriage.read() or tunnel_pb2.Chunk()
            match first.WhichOneof("part"):
                case "head":
                    await self._carry(first.head, carriage, context)
                case "collect":
                    await self._hand_over(first.collect, carriage, context)
                case _:
                    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "neither head nor collect")
        except StreamGarbage as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except TimeoutError:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "silent for too long")

    async def _carry(self, request: tunnel_pb2.Request, carriage: Carriage, context: Context) -> None:
        refusal = self._work.refusal()
        if refusal is not None:
            await carriage.write(tunnel_pb2.Chunk(refusal=refusal))
            return
        began_s = time.perf_counter()
        self._work.in_flight += 1
        try:
            await self._exchange(request, carriage, context)
        except NotExecuted as error:
            await carriage.write(tunnel_pb2.Chunk(refusal=self._work.refused(error)))
        finally:
            self._work.in_flight -= 1
            _seconds.observe(elapsed_s(began_s))

    async def _exchange(self, request: tunnel_pb2.Request, carriage: Carriage, context: Context) -> None:
        tenant = await self._work.tenant(WorkspaceId(request.workspace_id), request.epoch)
        await context.send_initial_metadata(CONTINUE)
        deadline_s = min(request.deadline_ms or DEADLINE_MS_DEFAULT, DEADLINE_MS_MAX) / 1000
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CARRY_S_MAX), asyncio.timeout(deadline_s) as deadline:
            exchange = CarriedExchange(carriage, lambda: deadline.reschedule(loop.time() + deadline_s))
            await exchange.run(self._work.app, scope_of(request, tenant))
        self._work.tally.count(exchange.failed)
        if exchange.cut_short:
            await context.abort(grpc.StatusCode.ABORTED, "the body was cut short")

    async def _hand_over(self, token: str, carriage: Carriage, context: Context) -> None:
        parcel = self._work.parcels.collect(token)
        if parcel is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such reply waits")
        elif not await carriage.write_parcel(parcel):
            await context.abort(grpc.StatusCode.ABORTED, "the body was cut short")
