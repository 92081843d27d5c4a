"""Why the gateway ends a socket, as the client's WebSocket close code (RFC 6455 section 7.4; 4000-4999 are an application's own)."""

from enum import IntEnum


class CloseCode(IntEnum):
    UNSUPPORTED = 1003
    """A binary message; sessions speak text."""
    FAILED = 1011
    """The workload failed on a message of this client; connect anew."""
    TRY_LATER = 1013
    """The workspace could not take a message for longer than the wait; connect anew."""
    RELOAD = 4001
    """Too much was missed to be replayed: read history again over HTTP, then connect anew."""
    EXPIRED = 4002
    """The session is older than its state may be, its state is not this workspace's, or what it was opened with was taken back: sign in
    anew."""
    FLOOD = 4003
    """More messages waiting than a session may have."""
