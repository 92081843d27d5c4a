"""One client's socket, from the first Open to its end, over as many tunnels as that takes. Acts at once; waiting is `reopening`'s."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import repeat

from prometheus_client import Counter, Gauge

from chassis.identity import WorkspaceId
from chassis.stream import StreamFull
from chassis.telemetry.tallies import Tally
from protos.tunnel.v1 import tunnel_pb2
from router.forward.limits import Limits
from router.forward.numbering import numbered
from router.forward.sockets import SocketSink
from router.forward.tunnels import Tunnel

SESSIONS = Gauge("waggle_router_sessions", "Sessions held for clients' sockets.")
DELIVERED = Counter("waggle_router_delivered_total", "Messages given to sockets.")
SLOW = Counter("waggle_router_slow_sockets_total", "Sockets closed because they did not keep up.")
_delivered = Tally(DELIVERED)

GOING_AWAY, TRY_LATER, APPLICATION = 1001, 1013, 4000

Outcome = tunnel_pb2.Refusal | tunnel_pb2.Close | None
"""Of one try to open: refused, closed by the cell (both not None), or opened."""


class TunnelLost(Exception):
    """The tunnel broke while a session was being opened on it."""


class RoutedSession:
    """Implements `Session` for the edge, `Port` for the tunnel and `Member` for its groups."""

    __slots__ = (
        "_limits", "_on_end", "_on_homeless", "_stream", "_waiting", "_waiting_bytes",
        "closed", "groups", "numbered", "opened", "opening", "reopening", "seq", "sink", "state", "template", "tunnel", "workspace_id",
    )  # fmt: skip

    def __init__(
        self,
        template: tunnel_pb2.Open,
        sink: SocketSink,
        limits: Limits,
        *,
        on_homeless: Callable[["RoutedSession"], None],
        on_end: Callable[["RoutedSession"], None],
    ) -> None:
        self.template, self.sink = template, sink
        self.workspace_id = WorkspaceId(template.workspace_id)
        self.state = b""
        self.seq = 0
        self.groups: set[str] = set()
        self.tunnel: Tunnel | None = None
        self.opened = False
        self.closed = False
        self.numbered = False
        self.opening: asyncio.Future[Outcome] | None = None
        self.reopening: asyncio.Task[None] | None = None
        self._stream = 0
        self._limits, self._on_homeless, self._on_end = limits, on_homeless, on_end
        self._waiting: deque[tunnel_pb2.Message] = deque()
        self._waiting_bytes = 0
        SESSIONS.inc()

    # the edge's side

    def send_text(self, text: str) -> bool:
        return self._send(tunnel_pb2.Message(text=text))

    def send_binary(self, data: bytes) -> bool:
        return self._send(tunnel_pb2.Message(binary=data))

    @property
    def reached(self) -> int | None:
        if not self.numbered:
            return None
        return self.seq if self.tunnel is None else self.tunnel.groups.reached(self.workspace_id, self)

    def close(self, code: int, reason: str) -> None:
        if not self.closed:
            self._release(code, reason)

    def _send(self, message: tunnel_pb2.Message) -> bool:
        if self.closed:
            return False
        if self.tunnel is None or self.opening is not None or self.tunnel.leaving:
            return self._keep(message)  # a process that leaves answers what it has; what comes now is for its successor
        try:
            self.tunnel.frames.send(tunnel_pb2.Frame(stream=self._stream, message=message))
        except StreamFull:
            return False
        return True

    def _keep(self, message: tunnel_pb2.Message) -> bool:
        size = message.ByteSize()
        limits = self._limits
        if len(self._waiting) >= limits.session_waiting_messages_max or self._waiting_bytes + size > limits.session_waiting_bytes_max:
            return False
        self._waiting.append(message)
        self._waiting_bytes += size
        return True

    # opening

    def begin(self, tunnel: Tunnel, epoch: int) -> "asyncio.Future[Outcome]":
        """Ask for the session on a tunnel, leaving the one it is on. Raises StreamFull. The future may also hold TunnelLost."""
        self.leave_tunnel(GOING_AWAY, "moving")
        opening = tunnel_pb2.Open()
        opening.CopyFrom(self.template)
        opening.epoch = epoch
        if self.opened:
            opening.state, opening.resume_seq = self.state, self.seq
        self._stream = tunnel.open(opening, self)
        self.tunnel = tunnel
        self.opening = asyncio.get_running_loop().create_future()
        return self.opening

    def leave_tunnel(self, code: int, reason: str) -> None:
        """What the old process still had to say comes again from the log."""
        tunnel, self.tunnel = self.tunnel, None
        if tunnel is not None:
            self.seq = tunnel.groups.reached(self.workspace_id, self)
            tunnel.groups.leave(self.workspace_id, self, self.groups)
            tunnel.close_session(self._stream, code, reason, moving=not self.closed)
        if self.opening is not None and not self.opening.done():
            self.opening.cancel()
        self.opening = None

    # the tunnel's side

    def on_opened(self, opened: tunnel_pb2.Opened) -> None:
        if self.tunnel is None or self.closed:
            return
        self.opened = True
        self.numbered = self.numbered or opened.numbered
        self.state = opened.state or self.state
        self.seq = max(self.seq, opened.seq)
        self.tunnel.groups.join(self.workspace_id, self, opened.groups)
        if not all(self._give(text, seq) for text, seq in zip(opened.messages, opened.seqs or repeat(0), strict=False)):
            self.on_slow()
            return
        self._settle(None)
        waiting, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        if not all(self._send(message) for message in waiting):
            self._end(TRY_LATER, "try again later")

    def on_message(self, message: tunnel_pb2.Message) -> None:
        seq = message.seq
        if self.closed or (seq and seq <= self.seq):
            return
        if not self._give(message.text, seq):
            self.on_slow()
        elif seq:
            self.seq = seq

    def deliver(self, text: str, seq: int) -> bool:
        if self.closed:
            return True
        if not seq:
            _delivered.n += 1
            self.sink.offer(text)
            return True
        if not self._give(text, seq):
            return False
        self.seq = seq
        return True

    def on_slow(self) -> None:
        if not self.closed:
            SLOW.inc()
            self._end(TRY_LATER, "too slow")

    def on_refusal(self, refusal: tunnel_pb2.Refusal) -> None:
        """While it opens, the answer; later, word that the workspace is no longer here."""
        if self.opening is not None:
            self._settle(refusal)
        else:
            self._lose_home()

    def on_close(self, close: tunnel_pb2.Close) -> None:
        """What a client must act on (4000-4999) it can only be told on an open socket, so that counts as opened."""
        if self.opening is not None and not self.opened and close.code < APPLICATION:
            self._settle(close)
        else:
            self._settle(None)
            self._end(close.code or 1011, close.reason)

    def on_lost(self) -> None:
        opening = self.opening
        if opening is not None and not opening.done():
            opening.set_exception(TunnelLost())
        elif not self.closed:
            self._lose_home()

    def on_leaving(self) -> None:
        if not self.closed and self.opening is None:
            self._on_homeless(self)

    def end(self, code: int, reason: str) -> None:
        """Close the client's socket from this side."""
        if not self.closed:
            self._end(code, reason)

    def _lose_home(self) -> None:
        self.leave_tunnel(GOING_AWAY, "lost")
        self._on_homeless(self)

    def _give(self, text: str, seq: int) -> bool:
        _delivered.n += 1
        return self.sink.send(numbered(text, seq) if self.numbered and seq else text)

    def _settle(self, outcome: Outcome) -> None:
        opening, self.opening = self.opening, None
        if opening is not None and not opening.done():
            opening.set_result(outcome)

    def _end(self, code: int, reason: str) -> None:
        self._release(code, reason)
        self.sink.close(code, reason)

    def _release(self, code: int, reason: str) -> None:
        self.closed = True
        self.leave_tunnel(code, reason)
        self._waiting.clear()
        SESSIONS.dec()
        if self.reopening is not None:
            self.reopening.cancel()
        self._on_end(self)
