"""Rollouts and the fleet's cells as messages of fleet.proto."""

from collections.abc import Sequence

from control_plane.fleet.orders import Ordered
from control_plane.registry import Cell, CellStage, Rollout, RolloutCell
from protos.admin.v1 import fleet_pb2


def fleet_cell_shape(cell: Cell, part: RolloutCell | None, waves: Sequence[str]) -> fleet_pb2.FleetCell:
    """`part`: what the latest rollout does with it."""
    heard, signs = [process for process in cell.processes if process.healthy], cell.vital_signs
    return fleet_pb2.FleetCell(
        name=cell.name,
        region=cell.region,
        state=cell.state,
        versions=sorted({process.version for process in heard}),
        schema_revisions=sorted({process.schema_revision for process in heard}),
        healthy=cell.healthy,
        processes=len(heard),
        ready=signs.ready if signs else 0,
        requests_per_s=signs.requests_per_s if signs else 0.0,
        error_share=signs.error_share if signs else 0.0,
        p99_ms=signs.p99_ms if signs else 0.0,
        wave=waves[part.wave] if part else "",
        stage=part.stage if part else "",
        problem=part.problem if part else "",
    )


def rollout_shape(rollout: Rollout, cells: Sequence[RolloutCell], *, elsewhere: bool = False) -> fleet_pb2.Rollout:
    waves = rollout.waves
    return fleet_pb2.Rollout(
        rollout_id=rollout.id,
        kind=rollout.kind,
        target=rollout.target,
        state=rollout.state,
        wave=waves[rollout.wave],
        waves=waves,
        cells=[_cell(cell, waves) for cell in cells],
        done=rollout.counts.get(CellStage.DONE, 0),
        total=sum(rollout.counts.values()),
        problem=rollout.problem,
        duration_s=rollout.age_s,
        applier=rollout.applier.name if rollout.applier and not rollout.ended else "",
        elsewhere=elsewhere,
    )


def ordered_shape(order: Ordered) -> fleet_pb2.Ordered:
    shaped = fleet_pb2.Ordered(cell=order.cell, version=order.version, back=order.back, tables=order.limits is not None)
    if order.limits is not None:
        shaped.lock_timeout_s, shaped.statement_timeout_s = order.limits.lock_timeout_s, order.limits.statement_timeout_s
    return shaped


def _cell(cell: RolloutCell, waves: Sequence[str]) -> fleet_pb2.RolloutCell:
    had = ", ".join(cell.facts.get("had_versions", ()))
    revision = str(cell.facts.get("revision", ""))
    return fleet_pb2.RolloutCell(cell=cell.cell, wave=waves[cell.wave], stage=cell.stage, problem=cell.problem, had=had, revision=revision)
