"""Not executed: the cell did nothing, so whoever asked may ask again, here or elsewhere."""

from typing import ClassVar

from chassis.errors import WaggleError
from chassis.identity import WorkspaceId


class NotExecuted(WaggleError):
    """`reason` is the name in `tunnel.v1.Refusal.Reason`; `cell` and `epoch` say where to, when known ("" and 0 when not)."""

    code = "service_unavailable"
    reason: ClassVar[str] = "REASON_UNSPECIFIED"

    def __init__(self, detail: str, *, cell: str = "", epoch: int = 0, retry_after_ms: int = 0) -> None:
        super().__init__(detail)
        self.cell = cell
        self.epoch = epoch
        self.retry_after_ms = retry_after_ms


class NotMine(NotExecuted):
    code = "team_not_found"
    reason = "NOT_MINE"

    def __init__(self, workspace_id: WorkspaceId) -> None:
        super().__init__(f"workspace {workspace_id} is not in this cell")


class Incoming(NotExecuted):
    reason = "INCOMING"


class Frozen(NotExecuted):
    reason = "FROZEN"


class Moved(NotExecuted):
    reason = "MOVED"


class StaleEpoch(NotExecuted):
    reason = "STALE_EPOCH"


class Suspended(NotExecuted):
    code = "team_access_not_granted"
    reason = "SUSPENDED"


class Overloaded(NotExecuted):
    reason = "OVERLOADED"


class Draining(NotExecuted):
    reason = "DRAINING"
