"""From a route to its cell: tunnels, circuit breaker, hold-and-resend, sessions and their groups."""

from router.forward.errors import CellUnavailable, DeadlineExceeded, ForwardError, HoldTimeout, Overloaded, Refused
from router.forward.forwarder import Forwarder, forwarding
from router.forward.limits import Limits
from router.forward.replies import BODY_WHOLE_BYTES_MAX, Reply
from router.forward.sockets import Session, SocketSink

__all__ = [
    "BODY_WHOLE_BYTES_MAX",
    "CellUnavailable",
    "DeadlineExceeded",
    "ForwardError",
    "Forwarder",
    "HoldTimeout",
    "Limits",
    "Overloaded",
    "Refused",
    "Reply",
    "Session",
    "SocketSink",
    "forwarding",
]
