"""The JSON that scripts rely on: exactly these keys."""

from typing import Any

from control_plane.cli.upkeeping import upkeep_json
from protos.admin.v1 import admin_pb2


def workspace_json(row: admin_pb2.Workspace) -> dict[str, Any]:
    """`tokens` at creation only; the control plane does not keep them."""
    shape: dict[str, Any] = {
        "workspace_id": row.workspace_id,
        "name": row.name,
        "url": row.url,
        "cell": row.cell,
        "epoch": row.epoch,
        "state": row.state,
    }
    return shape | ({"tokens": dict(row.tokens)} if row.tokens else {})


def drain_json(drain: admin_pb2.Drain) -> dict[str, Any]:
    facts: dict[str, Any] = {name: getattr(drain, name) for name in ("cell", "state", "left", "moving", "windows")}
    return facts | {"stuck": [{"workspace": one.workspace, "why": one.why} for one in drain.stuck]}


def cell_json(cell: admin_pb2.Cell) -> dict[str, Any]:
    return {
        "name": cell.name,
        "region": cell.region,
        "state": cell.state,
        "workspaces": cell.workspaces,
        "load": round(cell.load, 4),
    }


def cell_detail_json(cell: admin_pb2.Cell) -> dict[str, Any]:
    return cell_json(cell) | {
        "healthy": cell.healthy,
        "dedicated": cell.dedicated,
        "capacity_workspaces": cell.capacity_workspaces,
        "database_bytes": cell.database_bytes,
        "vital_signs": _vital_signs_json(cell.vital_signs) if cell.HasField("vital_signs") else None,
        "upkeep": upkeep_json(cell),
        "processes": [_process_json(process) for process in cell.processes],
    }


def _vital_signs_json(told: admin_pb2.VitalSigns) -> dict[str, Any]:
    """Of the processes heard of lately, each over its last 2 s: sums, and the worst process's latency."""
    counted = ("processes", "ready", "requests", "errors", "replication_lag_bytes", "wal_retained_bytes")
    measured = ("requests_per_s", "p50_ms", "p99_ms")
    return {name: getattr(told, name) for name in counted} | {name: round(getattr(told, name), 1) for name in measured}


def _process_json(process: admin_pb2.Process) -> dict[str, Any]:
    return {
        "process_id": process.process_id,
        "address": process.address,
        "roles": list(process.roles),
        "version": process.version,
        "schema_revision": process.schema_revision,
        "heartbeat_age_s": round(process.heartbeat_age_s, 1),
        "connections": process.connections,
        "messages_per_s": round(process.messages_per_s, 1),
        "notices": list(process.notices),
    }


def router_json(router: admin_pb2.Router) -> dict[str, Any]:
    return {"router_id": router.router_id, "address": router.address, "version": router.version}


def check_json(check: admin_pb2.Check) -> dict[str, Any]:
    return {"name": check.name, "ok": check.ok, "detail": check.detail}


def audit_json(entry: admin_pb2.AuditEntry) -> dict[str, Any]:
    fields = ("at", "actor", "action", "target", "source", "outcome")
    return {name: getattr(entry, name) for name in fields}


def plan_json(plan: admin_pb2.MovePlan) -> dict[str, Any]:
    fields = ("workspace", "source", "target", "rows", "bytes", "duration_s", "pause_ms")
    return {name: getattr(plan, name) for name in fields} | {"blockers": list(plan.blockers)}


def move_json(move: admin_pb2.Move) -> dict[str, Any]:
    fields = ("move_id", "state", "pause_ms", "rows", "duration_s", "workspace", "workspace_id", "source", "target", "step", "problem")
    return {name: getattr(move, name) for name in (*fields, "waiting")}


def watch_json(move: admin_pb2.Move) -> dict[str, Any]:
    """A move on its way: the same, and how far it is."""
    ahead = {"progress": round(move.progress, 4), "eta_s": round(move.eta_s, 2), "rows_per_s": round(move.rows_per_s)}
    ahead |= {"rows_planned": move.rows_planned, "compared": move.compared, "lag_ms": move.lag_ms, "window_left_s": move.window_left_s}
    return move_json(move) | ahead
