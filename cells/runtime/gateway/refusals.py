"""Why a session is not opened, as frames."""

from cells.runtime.tenancy import NotExecuted
from cells.runtime.workload import Refused
from protos.tunnel.v1 import tunnel_pb2


def not_executed(error: NotExecuted) -> tunnel_pb2.Refusal:
    return tunnel_pb2.Refusal(
        reason=tunnel_pb2.Refusal.Reason.Value(error.reason),
        cell=error.cell,
        epoch=error.epoch,
        retry_after_ms=error.retry_after_ms,
        detail=str(error),
    )


def turned_away(refused: Refused) -> tunnel_pb2.Refusal:
    return tunnel_pb2.Refusal(reason=tunnel_pb2.Refusal.UNAUTHORIZED, status=refused.status, detail=refused.detail)
