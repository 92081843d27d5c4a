"""The router's end of one tunnel, and the loop that keeps it dialled."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from prometheus_client import Counter, Gauge

from chassis.stream import FrameStream, StreamBroken, StreamGarbage, encode_request
from protos.tunnel.v1 import tunnel_pb2
from router.forward.errors import CellUnavailable
from router.forward.groups import Groups, Member
from router.forward.limits import Limits
from router.routes.table import Endpoint

TUNNELS = Gauge("waggle_router_tunnels", "Tunnels that are up.", ["cell"])
DIALS = Counter("waggle_router_dials_total", "Tries to connect a tunnel.", ["cell", "outcome"])

CONNECT = "/protos.tunnel.v1.Tunnel/Connect"
CARRY = "/protos.tunnel.v1.Tunnel/Carry"
ChannelOf = Callable[[str], Any]
"""Makes a grpc.aio.Channel to an address; credentials and limits are the caller's."""
_log = structlog.get_logger("router.forward")


class Port(Member, Protocol):
    """A session as its tunnel sees it. All handlers return at once and do not raise."""

    state: bytes
    """What opens it again elsewhere."""

    def on_opened(self, opened: tunnel_pb2.Opened) -> None: ...
    def on_message(self, message: tunnel_pb2.Message) -> None: ...
    def on_refusal(self, refusal: tunnel_pb2.Refusal) -> None: ...
    def on_close(self, close: tunnel_pb2.Close) -> None: ...
    def on_lost(self) -> None: ...
    def on_leaving(self) -> None: ...


class Tunnel:
    """Alive from a dial to its end. `ready` once the cell said Hello, `leaving` once it said GoAway."""

    def __init__(self, cell: str, endpoint: Endpoint, channel: Any, frames: FrameStream, on_change: Callable[["Tunnel"], None]) -> None:
        self.cell, self.endpoint, self.channel = cell, endpoint, channel
        self.frames = frames
        self.ready = self.leaving = False
        self.calls: dict[int, asyncio.Future[tunnel_pb2.Frame]] = {}
        self.sessions: dict[int, Port] = {}
        self.groups = Groups()
        self.turn = 0
        """When it was chosen last, as its cell counts."""
        self._streams = itertools.count(1)
        self._on_change = on_change
        self._handlers: dict[str, Callable[[tunnel_pb2.Frame], None]] = {
            "reply": self._on_answer,
            "refusal": self._on_answer,
            "broadcast": self._on_broadcast,
            "message": self._on_message,
            "regroup": self._on_regroup,
            "opened": self._on_opened,
            "close": self._on_close,
            "go_away": self._on_go_away,
            "hello": self._on_hello,
        }

    @property
    def usable(self) -> bool:
        return self.ready and not self.leaving

    def ask(self, request: tunnel_pb2.Request, answer: asyncio.Future[tunnel_pb2.Frame]) -> int:
        """Send a request; its Reply or Refusal frame, or CellUnavailable, goes to `answer`. Raises StreamFull."""
        stream = next(self._streams)
        self.frames.send_encoded(encode_request(stream, request))
        self.calls[stream] = answer
        return stream

    def forget(self, stream: int, *, cancel: bool) -> None:
        if self.calls.pop(stream, None) is not None and cancel:
            self.frames.send_urgent(tunnel_pb2.Frame(stream=stream, cancel=tunnel_pb2.Cancel()))

    def open(self, opening: tunnel_pb2.Open, port: Port) -> int:
        """Open a session; what the cell says of it goes to `port`. Raises StreamFull."""
        stream = next(self._streams)
        self.frames.send(tunnel_pb2.Frame(stream=stream, open=opening))
        self.sessions[stream] = port
        return stream

    def close_session(self, stream: int, code: int, reason: str, *, moving: bool = False) -> None:
        if self.sessions.pop(stream, None) is not None:
            close = tunnel_pb2.Close(code=code, reason=reason, moving=moving)
            self.frames.send_urgent(tunnel_pb2.Frame(stream=stream, close=close))

    def on_frame(self, kind: str, frame: tunnel_pb2.Frame) -> None:
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(frame)

    def lost(self) -> None:
        """The connection is gone: what was in flight may have been done; nobody here sends it again."""
        self.ready = False
        calls, self.calls = self.calls, {}
        sessions, self.sessions = self.sessions, {}
        for answer in calls.values():
            if not answer.done():
                answer.set_exception(CellUnavailable(self.cell, "the tunnel broke", executed_maybe=True))
        for port in sessions.values():
            port.on_lost()

    def _on_hello(self, frame: tunnel_pb2.Frame) -> None:
        if frame.hello.cell != self.cell:
            raise StreamGarbage(f"dialled cell {self.cell} at {self.endpoint.address}, found {frame.hello.cell}")
        self.ready = True
        self._on_change(self)

    def _on_go_away(self, _frame: tunnel_pb2.Frame) -> None:
        if not self.leaving:
            self.leaving = True
            self._on_change(self)
            for port in tuple(self.sessions.values()):
                port.on_leaving()

    def _on_answer(self, frame: tunnel_pb2.Frame) -> None:
        answer = self.calls.pop(frame.stream, None)
        if answer is not None:
            if not answer.done():
                answer.set_result(frame)
            return
        port = self.sessions.pop(frame.stream, None)
        if port is not None and frame.HasField("refusal"):
            port.on_refusal(frame.refusal)

    def _on_broadcast(self, frame: tunnel_pb2.Frame) -> None:
        event = frame.broadcast
        for slow in self.groups.broadcast(event.workspace_id, event.groups, event.text, event.seq, event.without):
            slow.on_slow()

    def _on_message(self, frame: tunnel_pb2.Frame) -> None:
        port = self.sessions.get(frame.stream)
        if port is not None:
            port.on_message(frame.message)

    def _on_regroup(self, frame: tunnel_pb2.Frame) -> None:
        regroup = frame.regroup
        for stream in regroup.sessions:
            port = self.sessions.get(stream)
            if port is not None:
                self.groups.leave(regroup.workspace_id, port, regroup.leave)
                self.groups.join(regroup.workspace_id, port, regroup.join)
                if regroup.state:
                    port.state = regroup.state

    def _on_opened(self, frame: tunnel_pb2.Frame) -> None:
        port = self.sessions.get(frame.stream)
        if port is not None:
            port.on_opened(frame.opened)

    def _on_close(self, frame: tunnel_pb2.Frame) -> None:
        port = self.sessions.pop(frame.stream, None)
        if port is not None:
            port.on_close(frame.close)


class Dialler:
    """Keeps one endpoint's tunnel up until it is stopped."""

    def __init__(
        self,
        cell: str,
        endpoint: Endpoint,
        hello: tunnel_pb2.Hello,
        channel_of: ChannelOf,
        limits: Limits,
        on_change: Callable[[Tunnel], None],
    ) -> None:
        self.cell, self.endpoint = cell, endpoint
        self.tunnel: Tunnel | None = None
        self._quiet = False
        self._hello, self._channel_of, self._limits, self._on_change = hello, channel_of, limits, on_change
        self._task = asyncio.create_task(self._run())

    @property
    def done(self) -> bool:
        return self._task.done()

    def cancel(self) -> None:
        self._task.cancel()

    async def stop(self) -> None:
        """Hang up and wait until that is done."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        attempt = 0
        while True:
            was_ready = await self._dial()
            DIALS.labels(self.cell, "ended" if was_ready else "failed").inc()
            attempt = 0 if was_ready else attempt + 1
            await asyncio.sleep(self._limits.redial.delay_s(attempt))

    async def _dial(self) -> bool:
        """One tunnel from dial to end; False when it never got as far as Hello."""
        channel = self._channel_of(self.endpoint.address)
        call = channel.stream_stream(CONNECT)()
        frames = FrameStream(call, "router")
        tunnel = self.tunnel = Tunnel(self.cell, self.endpoint, channel, frames, self._changed)
        patience = asyncio.get_running_loop().call_later(self._limits.dial_s_max, self._give_up, tunnel)
        try:
            await frames.run(tunnel_pb2.Hello.FromString(self._hello.SerializeToString()), tunnel.on_frame)
        except (StreamBroken, StreamGarbage) as error:
            say = _log.info if tunnel.ready or not self._quiet else _log.debug  # an outage is told once, not at every dial
            say("tunnel ended", cell=self.cell, address=self.endpoint.address, error=str(error))
        except Exception:  # noqa: BLE001 - a fault in one tunnel must not stop the dialling
            _log.exception("tunnel failed", cell=self.cell, address=self.endpoint.address)
        finally:
            patience.cancel()
            was_ready = self._end(tunnel)
            self._quiet = not was_ready
            call.cancel()
            await channel.close()
        return was_ready

    def _changed(self, tunnel: Tunnel) -> None:
        if not tunnel.leaving:
            TUNNELS.labels(self.cell).inc()
        self._on_change(tunnel)

    def _end(self, tunnel: Tunnel) -> bool:
        was_ready = tunnel.ready
        self.tunnel = None
        if was_ready:
            TUNNELS.labels(self.cell).dec()
        tunnel.ready = False
        self._on_change(tunnel)
        tunnel.lost()
        return was_ready

    def _give_up(self, tunnel: Tunnel) -> None:
        if not tunnel.ready:
            tunnel.frames.close()
