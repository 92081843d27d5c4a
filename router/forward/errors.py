"""Why a request or a session did not get through. The edge maps each to an answer once."""

from chassis.errors import WaggleError


class ForwardError(WaggleError):
    """Root of what the forwarder raises."""

    code = "service_unavailable"


class CellUnavailable(ForwardError):
    """No process of the cell can be reached, its breaker is open, or the tunnel broke while the request was in flight.

    `executed_maybe` tells the last case: the cell may have done it, so nobody but the client may send it again.
    """

    def __init__(self, cell: str, detail: str, *, executed_maybe: bool = False) -> None:
        super().__init__(f"cell {cell}: {detail}")
        self.cell = cell
        self.executed_maybe = executed_maybe


class Overloaded(ForwardError):
    """Too much in flight to the cell, or the cell said so. Not executed."""

    code = "ratelimited"

    def __init__(self, cell: str, retry_after_ms: int) -> None:
        super().__init__(f"cell {cell} is overloaded")
        self.cell = cell
        self.retry_after_ms = retry_after_ms


class HoldTimeout(ForwardError):
    """The workspace stayed closed (a move, a drain) for as long as a request may be held. Not executed."""

    def __init__(self, workspace_id: str, reason: str) -> None:
        super().__init__(f"workspace {workspace_id} stayed {reason} for as long as a request may be held")
        self.workspace_id = workspace_id
        self.reason = reason


class DeadlineExceeded(ForwardError):
    """The cell did not answer in time; it may have executed the request."""

    code = "request_timeout"

    def __init__(self, cell: str) -> None:
        super().__init__(f"cell {cell} did not answer in time")
        self.cell = cell


class Refused(ForwardError):
    """Refused for good: the workspace is suspended (403), unknown to its cell (404), or a handshake was turned away."""

    def __init__(self, status: int, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.status = status
        self.reason = reason
        """As in tunnel.proto Refusal.Reason, in lower case: suspended, not_mine, unauthorized."""
