"""Why an administrator's wish is refused, and the one place where reasons become gRPC statuses."""

import grpc

from chassis.errors import WaggleError
from control_plane.failover import FailoverRefused
from control_plane.fleet import RolloutRefused
from control_plane.moves import MoveRefused
from control_plane.placement import PlacementRefused
from control_plane.provision.errors import ProvisionError
from control_plane.rebalance import RebalanceRefused
from control_plane.registry import (
    CellUnknown,
    Conflict,
    FlagUnset,
    MoveUnknown,
    NameTaken,
    RolloutUnknown,
    RunUnknown,
    TooManyFlags,
    TransitionRefused,
    WorkspaceUnknown,
)


class InvalidRequest(WaggleError):
    code = "invalid_request"


class CellInUse(WaggleError):
    """The cell cannot go yet; the message says what lives there."""

    code = "cell_in_use"


class CellAway(WaggleError):
    """The cell did not answer; whether it did anything is unknown, and every verb is safe to repeat."""

    code = "cell_away"


class CellRefused(WaggleError):
    """The cell, or its workload, said no and did nothing."""

    code = "cell_refused"

    def __init__(self, message: str, status: grpc.StatusCode = grpc.StatusCode.FAILED_PRECONDITION) -> None:
        super().__init__(message)
        self.status = status


_STATUSES: tuple[tuple[type[WaggleError], grpc.StatusCode], ...] = (
    (InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT),
    (NameTaken, grpc.StatusCode.ALREADY_EXISTS),
    (WorkspaceUnknown, grpc.StatusCode.NOT_FOUND),
    (CellUnknown, grpc.StatusCode.NOT_FOUND),
    (MoveUnknown, grpc.StatusCode.NOT_FOUND),
    (MoveRefused, grpc.StatusCode.FAILED_PRECONDITION),
    (RunUnknown, grpc.StatusCode.NOT_FOUND),
    (RebalanceRefused, grpc.StatusCode.FAILED_PRECONDITION),
    (RolloutUnknown, grpc.StatusCode.NOT_FOUND),
    (RolloutRefused, grpc.StatusCode.FAILED_PRECONDITION),
    (FlagUnset, grpc.StatusCode.NOT_FOUND),
    (TooManyFlags, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (TransitionRefused, grpc.StatusCode.FAILED_PRECONDITION),
    (FailoverRefused, grpc.StatusCode.FAILED_PRECONDITION),
    (Conflict, grpc.StatusCode.ABORTED),
    (PlacementRefused, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (ProvisionError, grpc.StatusCode.FAILED_PRECONDITION),
    (CellAway, grpc.StatusCode.UNAVAILABLE),
    (CellInUse, grpc.StatusCode.FAILED_PRECONDITION),
)


def status_of(error: WaggleError) -> grpc.StatusCode:
    if isinstance(error, CellRefused):
        return error.status
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500]
