"""How the ingress hands sockets to the gateway: a link is one router process's tunnel, a door is who takes its sessions.

The two are siblings that never import one another; they meet in these protocols.
"""

from typing import Protocol

from protos.tunnel.v1 import tunnel_pb2


class LinkFull(Exception):
    """The router behind this link does not keep up: its queue holds all the bytes it may. Nothing was queued."""


class Link(Protocol):
    """The cell's end of one tunnel."""

    @property
    def id(self) -> int:
        """Unique in this process, never reused."""

    @property
    def closed(self) -> bool: ...

    def send(self, frame: tunnel_pb2.Frame) -> None:
        """Queue a frame behind those already sent; never blocks. Raises LinkFull; drops silently once closed."""

    def offer(self, frame: tunnel_pb2.Frame) -> bool:
        """Queue a frame that may be lost, while half of the queue is free; False: it is not. Never blocks, drops silently once closed."""

    async def drain(self) -> None:
        """Return when half of the queue is free again, or the link is closed."""

    def abort(self, reason: str) -> None:
        """Break the tunnel now: its router opens the sessions again, each from its last seq. Returns at once; may be called twice."""


class SessionDoor(Protocol):
    """Takes the session frames of every link. Handlers that are not `async` return at once and never raise."""

    async def on_open(self, link: Link, stream: int, open: tunnel_pb2.Open) -> None:
        """Answer with `Opened` or `Refusal` on `stream`. Runs in a task of its own, cancelled when the session is closed first."""

    def on_message(self, link: Link, stream: int, message: tunnel_pb2.Message) -> None: ...

    def on_close(self, link: Link, stream: int, close: tunnel_pb2.Close) -> None:
        """The client's socket is gone. Also called for a session whose `on_open` has not returned."""

    def on_link_lost(self, link: Link) -> None:
        """Every session of the link is gone. Called once, after `link.closed` became true."""
