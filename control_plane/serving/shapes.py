"""Facts of the registry as messages of admin.proto."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from control_plane.moves import Drain, Plan, progress
from control_plane.registry import AuditEntry, Cell, Move, MoveState, Process, RouterSeen, VitalSigns, Workspace
from control_plane.serving.notices import Notices
from protos.admin.v1 import admin_pb2
from protos.directory.v1 import directory_pb2


def workspace_shape(row: Workspace, public_url: str, why: str = "", tokens: Mapping[str, str] | None = None) -> admin_pb2.Workspace:
    return admin_pb2.Workspace(
        workspace_id=row.id,
        name=row.subdomain,
        url=f"{public_url.rstrip('/')}/w/{row.subdomain}/",
        cell=row.cell,
        epoch=row.epoch,
        state=row.state,
        region=row.region,
        plan=row.plan,
        reason=why,
        tokens=tokens or {},
    )


def cell_shape(cell: Cell, notices: Notices | None = None) -> admin_pb2.Cell:
    """`notices`: where it is known what its processes want to be known."""
    return admin_pb2.Cell(
        name=cell.name,
        region=cell.region,
        state=cell.state,
        workspaces=cell.workspaces,
        load=cell.load,
        dedicated=cell.dedicated,
        capacity_workspaces=cell.capacity_workspaces,
        processes=[_process(process, notices.of(cell.name, process.process_id) if notices else ()) for process in cell.processes],
        database_bytes=cell.database_bytes,
        healthy=cell.healthy,
        vital_signs=_vital_signs(cell.vital_signs),
        upkeep=None if cell.upkeep is None else directory_pb2.Upkeep.FromString(cell.upkeep),
    )


def _vital_signs(told: VitalSigns | None) -> admin_pb2.VitalSigns | None:
    return None if told is None else admin_pb2.VitalSigns(**asdict(told))


def drain_shape(drain: Drain) -> admin_pb2.Drain:
    stuck = [admin_pb2.Stuck(workspace=one.workspace, why=one.why) for one in drain.stuck]
    return admin_pb2.Drain(cell=drain.cell, state=drain.state, left=drain.left, moving=drain.moving, windows=drain.windows, stuck=stuck)


def _process(process: Process, notices: Sequence[str]) -> admin_pb2.Process:
    return admin_pb2.Process(
        process_id=process.process_id,
        address=process.address,
        roles=process.roles,
        version=process.version,
        schema_revision=process.schema_revision,
        heartbeat_age_s=process.heartbeat_age_s,
        connections=process.connections,
        messages_per_s=process.messages_per_s,
        notices=notices,
    )


def router_shape(seen: RouterSeen) -> admin_pb2.Router:
    return admin_pb2.Router(router_id=seen.router_id, address=seen.address, version=seen.version)


def audit_shape(entry: AuditEntry) -> admin_pb2.AuditEntry:
    return admin_pb2.AuditEntry(
        at=entry.at.isoformat().replace("+00:00", "Z"),
        actor=entry.actor,
        action=entry.action,
        target=entry.target,
        source=entry.source,
        outcome=entry.outcome,
    )


def plan_shape(plan: Plan) -> admin_pb2.MovePlan:
    return admin_pb2.MovePlan(
        workspace=plan.workspace.subdomain,
        source=plan.workspace.cell,
        target=plan.target,
        rows=plan.rows,
        bytes=plan.bytes,
        duration_s=plan.duration_s,
        pause_ms=plan.pause_ms,
        blockers=plan.blockers,
    )


def move_shape(move: Move, waiting: str = "") -> admin_pb2.Move:
    """`waiting`: why it may not begin yet, or is slow."""
    left_s = float(move.facts.get("window_s", 0)) - move.step_age_s if move.state is MoveState.WINDOW else 0.0
    ahead = progress(move)
    return admin_pb2.Move(
        move_id=move.id,
        workspace=move.name,
        workspace_id=move.workspace_id,
        source=move.source,
        target=move.target,
        step=move.step,
        state=move.state,
        rows=move.facts.get("rows", 0),
        rows_planned=move.facts.get("rows_planned", 0),
        pause_ms=move.facts.get("pause_ms", 0.0),
        duration_s=move.age_s,
        problem=move.problem,
        lag_ms=move.facts.get("lag_ms", 0.0),
        window_left_s=max(left_s, 0.0),
        waiting=waiting,
        eta_s=ahead.eta_s,
        progress=ahead.share,
        rows_per_s=ahead.rows_per_s,
        compared=move.facts.get("compared", 0),
    )
