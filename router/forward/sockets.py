"""A client's WebSocket as the forwarder sees it, and the session that the edge holds for it."""

from typing import Protocol


class SocketSink(Protocol):
    """Where what the cell says goes. The edge implements it; its methods return at once and never raise."""

    def send(self, text: str) -> bool:
        """Queue a text message. False: the socket does not keep up and its buffer is full; the session is then closed."""

    def offer(self, text: str) -> None:
        """Send what may be lost (typing, presence): a socket that does not keep up gets the last of each subject, or nothing."""

    def close(self, code: int, reason: str) -> None:
        """Close the socket after what is queued. Called at most once, and never after `Session.close`."""


class Session(Protocol):
    """One client's socket, followed by the forwarder through lost processes and moves."""

    def send_text(self, text: str) -> bool:
        """A message from the client. False: it cannot be taken now (the tunnel is full); the edge closes with 1013."""

    def send_binary(self, data: bytes) -> bool: ...

    @property
    def reached(self) -> int | None:
        """The seq up to which the socket was given everything; None for a client that did not ask for it."""

    def close(self, code: int, reason: str) -> None:
        """The client's socket is gone. May be called more than once."""
