"""The edge as one ASGI app: HTTP and WebSockets over the same forwarder, finder and limits."""

from typing import Protocol

from router.edge.connection import Receive, Scope, Send
from router.edge.finding import Finder
from router.edge.http import Forwarding, HttpEdge, HttpSettings
from router.edge.limits import Limits
from router.edge.sockets import Sessions, SocketEdge, SocketSettings


class Forwarder(Forwarding, Sessions, Protocol):
    """All that the edge needs of `router.forward.Forwarder`."""


class EdgeApp:
    def __init__(self, *, finder: Finder, forwarder: Forwarder, limits: Limits, http: HttpSettings, sockets: SocketSettings) -> None:
        self._http = HttpEdge(finder, forwarder, limits, http)
        self._sockets = SocketEdge(finder, forwarder, limits, sockets)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._sockets(scope, receive, send)

    def drain(self) -> None:
        """Ask sockets to come back elsewhere."""
        self._sockets.drain()
