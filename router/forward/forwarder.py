"""From a route to an answer of its cell."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from prometheus_client import Histogram

from chassis.clock import Clock, SystemClock
from chassis.stream import StreamFull
from protos.tunnel.v1 import tunnel_pb2
from router.forward.carrying import Carriage, CarriedBody, reply_of
from router.forward.cells import CellDoor, Cells
from router.forward.errors import CellUnavailable, DeadlineExceeded, ForwardError, Overloaded
from router.forward.hold import Decision, Held, HoldingRoom, decide, learn
from router.forward.limits import Limits
from router.forward.reopening import Reopening, try_open
from router.forward.replies import Reply
from router.forward.sessions import RoutedSession
from router.forward.sockets import Session, SocketSink
from router.forward.tunnels import ChannelOf, Tunnel
from router.routes.table import Route, RouteChange, RouteTable

CALL_SECONDS = Histogram(
    "waggle_router_call_seconds",
    "From the forwarder's start to the cell's answer, holding included.",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
AGAIN_AT_ONCE_MAX = 4
"""Times that a refused request goes again without waiting; then it waits a moment, so that two cells cannot play ball with it."""

Refusal = tunnel_pb2.Refusal
R = TypeVar("R")


class Forwarder:
    """Made by `forwarding`. One per router process, used from its event loop."""

    def __init__(self, table: RouteTable, cells: Cells, holding: HoldingRoom, reopening: Reopening, limits: Limits) -> None:
        self._table, self._cells, self._holding, self._reopening, self._limits = table, cells, holding, reopening, limits

    async def call(self, route: Route, request: tunnel_pb2.Request) -> Reply:
        """Send a request with a whole body and return the cell's answer. `request.epoch` is filled in; `request.deadline_ms`
        (0: the default) is counted from here, holding included. Raises ForwardError. Cancelling it cancels the work in the cell."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        until_s = began_s + (request.deadline_ms or self._limits.deadline_ms) / 1000
        answer = await self._ask(request, until_s, route)
        if isinstance(answer, Refusal):
            answer = await self._hold(route, answer, request.ByteSize(), "api", partial(self._ask, request, until_s))
        CALL_SECONDS.observe(loop.time() - began_s)
        return answer

    async def carry(self, route: Route, request: tunnel_pb2.Request, body: AsyncIterator[bytes]) -> Reply:
        """Send a request whose body streams (`request.body` is empty). The body is read only once the cell has taken the
        request, so holding works as for `call`; a refusal after that is CellUnavailable. Raises ForwardError, or what `body` raises."""
        answer = await self._carry(request, body, route)
        if isinstance(answer, Refusal):
            answer = await self._hold(route, answer, request.ByteSize(), "api", partial(self._carry, request, body))
        return answer

    async def open_session(self, route: Route, open: tunnel_pb2.Open, socket: SocketSink) -> Session:
        """Open a session for a client's socket; returns once the cell has let it in and its first messages are in the socket.

        Raises ForwardError (Refused with the HTTP status of the upgrade where the workload turned it away)."""
        session = self._reopening.adopt(open, socket)
        attempt = partial(self._open, session)
        try:
            refusal = await attempt(route)
            if refusal is not None:
                await self._hold(route, refusal, open.ByteSize(), "gateway", attempt)
        except BaseException:
            session.close(1001, "never opened")
            raise
        return session

    def usable(self, cell: str, role: str = "api") -> bool:
        """Whether a process of the cell can be reached now; for readiness and the doctor."""
        door = self._cells.get(cell)
        return door is not None and door.pick(role) is not None

    # one try each: an answer, or the refusal that says nothing was done

    async def _ask(self, request: tunnel_pb2.Request, until_s: float, route: Route) -> Reply | tunnel_pb2.Refusal:
        loop = asyncio.get_running_loop()
        left_s = until_s - loop.time()
        if left_s <= 0:
            raise DeadlineExceeded(route.cell)
        door = self._cells.require(route.cell)
        tunnel = door.enter("api")
        stream = 0
        try:
            request.epoch, request.deadline_ms = route.epoch, int(left_s * 1000) + 1
            answer: asyncio.Future[tunnel_pb2.Frame] = loop.create_future()
            stream = tunnel.ask(request, answer)
            timer = loop.call_later(left_s, _expire, door, answer)
            try:
                frame = await answer
            finally:
                timer.cancel()
        except StreamFull:
            raise Overloaded(route.cell, 100) from None
        except (asyncio.CancelledError, DeadlineExceeded):
            tunnel.forget(stream, cancel=True)
            raise
        finally:
            door.leave()
        door.breaker.on_success()
        return self._judge(tunnel, frame.refusal) if frame.HasField("refusal") else self._reply(tunnel, frame.reply)

    def _judge(self, tunnel: Tunnel, refusal: tunnel_pb2.Refusal) -> tunnel_pb2.Refusal:
        if refusal.reason == Refusal.DRAINING:
            tunnel.leaving = True
        return refusal

    def _reply(self, tunnel: Tunnel, reply: tunnel_pb2.Reply) -> Reply:
        if not reply.collect:
            return Reply(reply.status, [(header.name, header.value) for header in reply.headers], reply.body)
        carriage = Carriage(tunnel, self._limits.carry_idle_s_max, _nothing)
        carriage.collect(reply.collect)
        return reply_of(reply, CarriedBody(carriage))

    async def _carry(self, request: tunnel_pb2.Request, body: AsyncIterator[bytes], route: Route) -> Reply | tunnel_pb2.Refusal:
        door = self._cells.require(route.cell)
        tunnel = door.enter("api")
        request.epoch = route.epoch
        carriage = Carriage(tunnel, self._limits.carry_idle_s_max, door.leave)
        try:
            await carriage.write(tunnel_pb2.Chunk(head=request))
            taken = await carriage.taken()
            answer = await (carriage.upload(body) if taken else carriage.read())
            if answer.WhichOneof("part") == "reply":
                door.breaker.on_success()
                return reply_of(answer.reply, CarriedBody(carriage))
        except BaseException:
            await carriage.aclose()
            raise
        await carriage.aclose()
        if taken:
            raise CellUnavailable(route.cell, f"refused with its body half sent: {answer.refusal.detail}")
        return self._judge(tunnel, answer.refusal)

    async def _open(self, session: RoutedSession, route: Route) -> tunnel_pb2.Refusal | None:
        door = self._cells.require(route.cell)
        async with door.openings:
            tunnel = door.enter("gateway")
            try:
                refusal = await try_open(session, tunnel, route, self._limits.opening_s_max)
            finally:
                door.leave()
        door.breaker.on_success()
        return refusal if refusal is None else self._judge(tunnel, refusal)

    # more than one try

    async def _hold(
        self,
        route: Route,
        refusal: tunnel_pb2.Refusal,
        size_bytes: int,
        role: str,
        attempt: Callable[[Route], Awaitable[R | tunnel_pb2.Refusal]],
    ) -> R:
        """Ask again, now or when there is a reason to, until something other than a refusal comes back."""
        tries = 0
        loop = asyncio.get_running_loop()
        patient_s = loop.time() + self._limits.hold_not_mine_s_max
        if isinstance(error := self._decide(refusal, route, role, patient=True), ForwardError):
            raise error
        with self._holding.holding(route, size_bytes, refusal.reason) as held:
            while True:
                decision = self._decide(refusal, route, role, patient=loop.time() < patient_s)
                await self._pause(held, decision, refusal, tries)
                route = self._table.get(route.workspace_id) or route
                answer = await self._attempt(attempt, route, refusal)
                if not isinstance(answer, Refusal):
                    return answer
                refusal = answer
                tries += 1

    def _decide(self, refusal: tunnel_pb2.Refusal, tried: Route, role: str, *, patient: bool) -> Decision | ForwardError:
        learn(self._table, tried, refusal)
        now = self._table.get(tried.workspace_id)
        return decide(refusal, tried, now, alternative=self.usable(tried.cell, role), patient=patient)

    async def _pause(self, held: Held, decision: Decision | ForwardError, refusal: tunnel_pb2.Refusal, tries: int) -> None:
        if isinstance(decision, ForwardError):
            raise decision
        if decision is Decision.HOLD or tries >= AGAIN_AT_ONCE_MAX:
            await held.wait(refusal.retry_after_ms or self._limits.hold_poll_ms)

    async def _attempt(
        self, attempt: Callable[[Route], Awaitable[R | tunnel_pb2.Refusal]], route: Route, refusal: tunnel_pb2.Refusal
    ) -> R | tunnel_pb2.Refusal:
        """A process that drained may have been its cell's only one: until its successor is there, no tunnel is no failure."""
        try:
            return await attempt(route)
        except CellUnavailable as error:
            if refusal.reason == Refusal.DRAINING and not error.executed_maybe:
                return refusal
            raise


def _expire(door: CellDoor, answer: "asyncio.Future[tunnel_pb2.Frame]") -> None:
    if not answer.done():
        door.breaker.on_failure()
        answer.set_exception(DeadlineExceeded(door.name))


def _nothing() -> None:
    """A collected body was already counted as answered."""


@asynccontextmanager
async def forwarding(
    table: RouteTable,
    *,
    channel_of: ChannelOf,
    process_id: str,
    version: str = "",
    clock: Clock | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[Forwarder]:
    """A forwarder whose tunnels follow the table while the block runs. At the end every session's socket is closed with 1012."""
    bounds = limits or Limits()
    holding = HoldingRoom(bounds)
    reopening = Reopening(table, bounds, holding)

    def on_tunnels() -> None:
        holding.wake_all()
        reopening.wake()

    hello = tunnel_pb2.Hello(process_id=process_id, version=version)
    cells = Cells(table, channel_of=channel_of, hello=hello, clock=clock or SystemClock(), limits=bounds, on_change=on_tunnels)
    reopening.cells = cells

    def on_routes(change: RouteChange) -> None:
        if change.cells:
            cells.follow()
        for workspace_id in change.workspaces:
            holding.wake(workspace_id)
            reopening.on_route(workspace_id)

    cells.follow()
    unlisten = table.on_change(on_routes)
    try:
        yield Forwarder(table, cells, holding, reopening, bounds)
    finally:
        unlisten()
        await reopening.stop()
        await cells.stop()
