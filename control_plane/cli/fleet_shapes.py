"""The fleet and its rollouts: JSON for scripts, tables for people."""

from typing import Any

from control_plane.cli.printing import say, show_facts, show_table
from protos.admin.v1 import fleet_pb2

STYLES = {"done": "green", "halted": "bold red", "rolling_back": "red", "rolled_back": "red", "aborted": "yellow", "paused": "yellow"}
NOBODY = "nobody applies it; where the kubeconfig is: waggle fleet apply"


def fleet_status_json(found: fleet_pb2.FleetStatus) -> dict[str, Any]:
    latest = rollout_json(found.latest) if found.HasField("latest") else None
    return {"cells": [_cell_json(cell) for cell in found.cells], "latest": latest}


def rollout_json(found: fleet_pb2.Rollout) -> dict[str, Any]:
    fields = ("rollout_id", "kind", "target", "state", "wave", "done", "total", "problem", "duration_s", "applier")
    cells = [{name: getattr(cell, name) for name in ("cell", "wave", "stage", "had", "revision", "problem")} for cell in found.cells]
    return {name: getattr(found, name) for name in fields} | {"waves": list(found.waves), "cells": cells}


def rollout_line(found: fleet_pb2.Rollout) -> str:
    busy = [f"{cell.cell} {cell.stage}" for cell in found.cells if cell.stage not in ("waiting", "done", "undone")]
    held = [f"{cell.cell} {cell.problem}" for cell in found.cells if cell.stage == "waiting" and cell.problem]
    return "; ".join(
        [f"{_what(found)} {found.target}: {found.state}, wave {found.wave}, {found.done} of {found.total} cells", *busy, *held]
    )


def show_rollout(found: fleet_pb2.Rollout) -> None:
    facts = (("id", found.rollout_id), (_what(found), found.target), ("state", found.state), ("wave", _wave(found)))
    show_facts((*facts, ("cells", f"{found.done} of {found.total}"), ("duration", f"{found.duration_s:.1f} s")))
    if found.problem:
        say(found.problem, STYLES.get(found.state, ""))
    if found.applier:
        say(f"applied by {found.applier}")
    elif is_stranded(found):
        say(NOBODY, "yellow")
    if found.state == "halted":
        say("waggle fleet resume tries again; waggle fleet abort leaves it where it is")
    say("")
    rows = [(cell.cell, cell.wave, cell.stage, cell.had, cell.revision, cell.problem) for cell in found.cells]
    show_table("", ("cell", "wave", "stage", "had", "revision", ""), rows)


def show_status(found: fleet_pb2.FleetStatus) -> None:
    columns = ("cell", "region", "state", "version", "schema", "health", "ready", "requests/s", "errors", "p99", "wave", "stage")
    show_table("", columns, [_row(cell) for cell in found.cells])
    for cell in found.cells:
        if cell.problem:
            say(f"{cell.name}: {cell.problem}", "yellow")
    if found.HasField("latest"):
        say("")
        say(rollout_line(found.latest), STYLES.get(found.latest.state, ""))
        if is_stranded(found.latest):
            say(NOBODY, "yellow")
        if found.latest.problem:
            say(found.latest.problem, STYLES.get(found.latest.state, ""))


def is_stranded(found: fleet_pb2.Rollout) -> bool:
    """Nobody carries out what the control plane cannot."""
    return found.elsewhere and not found.applier and found.state in ("running", "paused", "rolling_back")


def _what(found: fleet_pb2.Rollout) -> str:
    return "migration to" if found.kind == "schema" else "rollout of"


def _wave(found: fleet_pb2.Rollout) -> str:
    return ", ".join(f"[{wave}]" if wave == found.wave else wave for wave in found.waves)


def _row(cell: fleet_pb2.FleetCell) -> tuple[object, ...]:
    built = (", ".join(cell.versions) or "-", ", ".join(cell.schema_revisions) or "-")
    health = "-" if cell.state == "retired" else "ok" if cell.healthy else "wrong"
    fares = (f"{cell.ready}/{cell.processes}", f"{cell.requests_per_s:.1f}", f"{cell.error_share:.1%}", f"{cell.p99_ms:.0f} ms")
    return (cell.name, cell.region, cell.state, *built, health, *fares, cell.wave, cell.stage)


def _cell_json(cell: fleet_pb2.FleetCell) -> dict[str, Any]:
    fields = ("name", "region", "state", "healthy", "processes", "ready", "wave", "stage", "problem")
    lists = {"versions": list(cell.versions), "schema_revisions": list(cell.schema_revisions)}
    rounded = {"requests_per_s": round(cell.requests_per_s, 1), "error_share": round(cell.error_share, 4), "p99_ms": round(cell.p99_ms, 1)}
    return {name: getattr(cell, name) for name in fields} | lists | rounded
