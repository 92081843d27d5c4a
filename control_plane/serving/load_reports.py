"""What cells say of how busy their workspaces are, checked."""

from chassis.identity import WorkspaceId, is_workspace_id
from control_plane.registry import LoadReport
from control_plane.serving.names import check_cell_name
from control_plane.serving.refusals import InvalidRequest
from protos.directory.v1 import directory_pb2

INTERVAL_MS = 30_000
REPORTS_MAX = 1_000
BIGINT_MAX, INT_MAX = 2**63 - 1, 2**31 - 1


def reports_of(request: directory_pb2.ReportLoadsRequest) -> list[LoadReport]:
    """Each workspace once, the last word of it. Raises InvalidRequest."""
    check_cell_name(request.cell)
    if len(request.loads) > REPORTS_MAX:
        raise InvalidRequest(f"{len(request.loads)} loads in one report; at most {REPORTS_MAX}")
    if wrong := next((load for load in request.loads if not is_workspace_id(load.workspace_id)), None):
        raise InvalidRequest(f"{wrong.workspace_id[:40]!r} is not a workspace's id")
    return list({load.workspace_id: _report(load) for load in request.loads}.values())


def _report(load: directory_pb2.WorkspaceLoad) -> LoadReport:
    return LoadReport(
        WorkspaceId(load.workspace_id),
        seq=min(load.seq, BIGINT_MAX) if load.HasField("seq") else None,
        connections=min(load.connections, INT_MAX) if load.HasField("connections") else None,
        bytes=min(load.bytes, BIGINT_MAX) if load.HasField("bytes") else None,
    )
