"""The cell's end of one tunnel: frames in, tasks, frames out."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import structlog

from cells.runtime.bus.links import LinkFull, SessionDoor
from cells.runtime.ingress.parcels import Parcels
from cells.runtime.ingress.refusals import REQUESTS, draining, elapsed_s, no_sessions, overloaded, refusal_of
from cells.runtime.ingress.scopes import scope_of
from cells.runtime.ingress.tally import Tally
from cells.runtime.ingress.whole import WholeExchange, reply_frame, send_when_free
from cells.runtime.tenancy import Arrivals, NotExecuted, Overloaded
from cells.runtime.workload import ASGIApp, Tenant
from chassis.identity import WorkspaceId
from chassis.stream import FrameStream, StreamFull, StreamGarbage
from protos.tunnel.v1 import tunnel_pb2

DEADLINE_MS_DEFAULT = 30_000
DEADLINE_MS_MAX = 120_000
IN_FLIGHT_MAX = 1024
_LATE = b'{"ok":false,"error":"request_timeout"}'
_JSON = [(b"content-type", b"application/json; charset=utf-8")]
_log = structlog.get_logger("ingress")
_seconds = REQUESTS.labels("whole")

RequireTenant = Callable[[WorkspaceId, int], Tenant]
"""The tenant at an epoch, from memory; raises the NotExecuted that says why not."""


@dataclass(slots=True)
class Work:
    """What the links of one process share."""

    app: ASGIApp
    require_tenant: RequireTenant
    door: SessionDoor | None
    in_flight_max: int = IN_FLIGHT_MAX
    parcels: Parcels = field(default_factory=Parcels)
    arrivals: Arrivals | None = None
    in_flight: int = 0
    draining: bool = False
    tally: Tally = field(default_factory=Tally)

    def refusal(self) -> tunnel_pb2.Refusal | None:
        """Why nothing new is taken now; None when it is."""
        if self.draining:
            return draining()
        if self.in_flight < self.in_flight_max:
            return None
        self.tally.count(failed=True)
        return overloaded()

    async def tenant(self, workspace_id: WorkspaceId, epoch: int) -> Tenant:
        """Raises NotExecuted; first waits for a workspace that is about to be opened here at `epoch`."""
        try:
            return self.require_tenant(workspace_id, epoch)
        except NotExecuted:
            if not await self.arrived(workspace_id, epoch):
                raise
        return self.require_tenant(workspace_id, epoch)

    async def arrived(self, workspace_id: WorkspaceId, epoch: int) -> bool:
        return self.arrivals is not None and await self.arrivals.wait(workspace_id, epoch)

    def refused(self, error: NotExecuted) -> tunnel_pb2.Refusal:
        """The refusal of what did not run; one that wants capacity is an error of this process."""
        if isinstance(error, Overloaded):
            self.tally.count(failed=True)
        return refusal_of(error)


class TunnelLink:
    """One router process. Implements `Link` for the gateway."""

    def __init__(self, number: int, frames: FrameStream, work: Work) -> None:
        self.id = number
        self.router = ""
        self._frames = frames
        self._work = work
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._sessions: set[int] = set()
        self._last_stream = 0
        self._handlers: dict[str, Callable[[tunnel_pb2.Frame], None]] = {
            "hello": self._on_hello,
            "request": self._on_request,
            "cancel": self._on_cancel,
            "open": self._on_open,
            "message": self._on_message,
            "close": self._on_close,
        }

    # what the gateway sees

    @property
    def closed(self) -> bool:
        return self._frames.closed

    def send(self, frame: tunnel_pb2.Frame) -> None:
        try:
            self._frames.send(frame)
        except StreamFull:
            raise LinkFull from None
        if frame.HasField("close") or frame.HasField("refusal"):
            self._sessions.discard(frame.stream)

    def offer(self, frame: tunnel_pb2.Frame) -> bool:
        if not self._frames.roomy:
            return False
        self._frames.send(frame)
        return True

    async def drain(self) -> None:
        await self._frames.drain()

    def abort(self, reason: str) -> None:
        """Hang up; the router dials again and opens its sessions anew."""
        _log.warning("tunnel aborted", router=self.router, reason=reason)
        self._frames.close()

    # what the server sees

    @property
    def idle(self) -> bool:
        return not (self._tasks or self._sessions or self._frames.queue_bytes)

    def go_away(self, reason: str, grace_ms: int) -> None:
        self._frames.send_urgent(tunnel_pb2.Frame(go_away=tunnel_pb2.GoAway(reason=reason, grace_ms=grace_ms)))

    def close(self) -> None:
        self._frames.close()

    async def lost(self) -> None:
        """The router is gone: stop what runs for it, tell the gateway."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._work.door is not None:
            self._work.door.on_link_lost(self)

    def on_frame(self, kind: str, frame: tunnel_pb2.Frame) -> None:
        """Raises StreamGarbage where the router breaks the rules; the tunnel is then closed, and this tunnel only."""
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(frame)

    def _on_hello(self, frame: tunnel_pb2.Frame) -> None:
        self.router = frame.hello.process_id

    def _on_request(self, frame: tunnel_pb2.Frame) -> None:
        stream = self._new_stream(frame)
        refusal = self._work.refusal()
        if refusal is not None:
            self._refuse(stream, refusal)
            return
        self._start(stream, self._serve(stream, frame.request))

    def _on_cancel(self, frame: tunnel_pb2.Frame) -> None:
        task = self._tasks.get(frame.stream)
        if task is not None:
            task.cancel()

    def _on_open(self, frame: tunnel_pb2.Frame) -> None:
        stream = self._new_stream(frame)
        refusal = self._work.refusal()
        if refusal is None and self._work.door is None:
            refusal = no_sessions()
        if refusal is not None:
            self._refuse(stream, refusal)
            return
        self._sessions.add(stream)
        self._start(stream, self._open(stream, frame.open))

    def _on_message(self, frame: tunnel_pb2.Frame) -> None:
        if self._work.door is not None and frame.stream in self._sessions:
            self._work.door.on_message(self, frame.stream, frame.message)

    def _on_close(self, frame: tunnel_pb2.Frame) -> None:
        if frame.stream not in self._sessions:
            return
        self._sessions.discard(frame.stream)
        self._on_cancel(frame)
        if self._work.door is not None:
            self._work.door.on_close(self, frame.stream, frame.close)

    def _new_stream(self, frame: tunnel_pb2.Frame) -> int:
        stream = int(frame.stream)
        if stream <= self._last_stream:
            raise StreamGarbage(f"stream {stream} after {self._last_stream}")
        self._last_stream = stream
        return stream

    def _start(self, stream: int, work: Coroutine[None, None, None]) -> None:
        self._work.in_flight += 1
        task = asyncio.create_task(work)
        self._tasks[stream] = task
        task.add_done_callback(lambda done: self._on_done(stream, done))

    def _on_done(self, stream: int, task: asyncio.Task[None]) -> None:
        self._work.in_flight -= 1
        del self._tasks[stream]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a stream failed", router=self.router, stream=stream, exc_info=error)

    async def _open(self, stream: int, opening: tunnel_pb2.Open) -> None:
        assert self._work.door is not None
        try:
            await self._work.arrived(WorkspaceId(opening.workspace_id), opening.epoch)
            await self._work.door.on_open(self, stream, opening)
        except NotExecuted as error:
            self._sessions.discard(stream)
            self._refuse(stream, self._work.refused(error))
        except Exception:  # noqa: BLE001 - one session's failure is not the tunnel's
            _log.exception("a session failed to open", request_id=opening.request_id)
            self._sessions.discard(stream)
            frame = tunnel_pb2.Frame(stream=stream, close=tunnel_pb2.Close(code=1011, reason="internal error"))
            await send_when_free(self._frames, frame)

    async def _serve(self, stream: int, request: tunnel_pb2.Request) -> None:
        began_s = time.perf_counter()
        try:
            tenant = await self._work.tenant(WorkspaceId(request.workspace_id), request.epoch)
        except NotExecuted as error:
            self._refuse(stream, self._work.refused(error))
            return
        exchange = WholeExchange(stream, request.body, self._frames, self._work.parcels)
        deadline_s = min(request.deadline_ms or DEADLINE_MS_DEFAULT, DEADLINE_MS_MAX) / 1000
        task = self._tasks[stream]
        deadline = Deadline(task, exchange, deadline_s)
        try:
            await exchange.run(self._work.app, scope_of(request, tenant))
            self._work.tally.note(elapsed_s(began_s), exchange.failed)
        except NotExecuted as error:
            self._refuse(stream, self._work.refused(error))
        except asyncio.CancelledError:
            if exchange.parcel is not None:
                exchange.parcel.abandon()
            if not deadline.passed:
                raise
            self._work.tally.note(elapsed_s(began_s), failed=True)
            if not exchange.ended:
                await send_when_free(self._frames, reply_frame(stream, 504, _JSON, _LATE))
        finally:
            deadline.cancel()
            _seconds.observe(elapsed_s(began_s))

    def _refuse(self, stream: int, refusal: tunnel_pb2.Refusal) -> None:
        """Goes before what waits: it is small, and the sooner the router knows the better."""
        self._frames.send_urgent(tunnel_pb2.Frame(stream=stream, refusal=refusal))


class Deadline:
    """Cancels the task of a request whose answer has not begun in time."""

    __slots__ = ("_exchange", "_task", "_timer", "passed")

    def __init__(self, task: asyncio.Task[None], exchange: WholeExchange, after_s: float) -> None:
        self.passed = False
        self._task, self._exchange = task, exchange
        self._timer = asyncio.get_running_loop().call_later(after_s, self._pass)

    def _pass(self) -> None:
        if self._exchange.parcel is None and not self._exchange.ended:
            self.passed = True
            self._task.cancel()

    def cancel(self) -> None:
        self._timer.cancel()
