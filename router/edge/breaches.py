"""What breaks a rule of RFC 6455 is answered with a close frame that says so (section 7.1.7); wsproto and Hypercorn only hang up."""

from collections.abc import Iterable, Iterator

from hypercorn.protocol.ws_stream import Handshake
from wsproto.connection import Connection, ConnectionState
from wsproto.events import CloseConnection, Event


class AnsweringConnection:
    """A server's end of a WebSocket as Hypercorn's stream uses it. After a breach it takes nothing more in."""

    __slots__ = ("_connection", "broken")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.broken = False

    @property
    def state(self) -> ConnectionState:
        """After a breach as if the client had closed: the stream then sends the code, and hangs up."""
        state = self._connection.state
        return ConnectionState.REMOTE_CLOSING if self.broken and state is ConnectionState.OPEN else state

    def send(self, event: Event) -> bytes:
        return self._connection.send(event)

    def receive_data(self, data: bytes | None) -> None:
        if not self.broken:
            self._connection.receive_data(data)

    def events(self) -> Iterator[Event]:
        for event in self._connection.events():
            if isinstance(event, CloseConnection) and self._connection.state is ConnectionState.OPEN:
                self.broken = True  # a close by the client would have changed the state
            yield event


class AnsweringHandshake(Handshake):
    def accept(
        self, subprotocol: str | None, additional_headers: Iterable[tuple[bytes, bytes]]
    ) -> tuple[int, list[tuple[bytes, bytes]], Connection]:
        status, headers, connection = super().accept(subprotocol, additional_headers)
        return status, headers, AnsweringConnection(connection)  # type: ignore[return-value]  # has all that the stream uses
