"""Plans and runs that level a fleet, as JSON for scripts and as lines for people."""

from collections.abc import Sequence
from typing import Any

from control_plane.cli.printing import bytes_shown, say, show_facts, show_table
from protos.admin.v1 import rebalance_pb2

CELLS_SHOWN_MAX = 40
_WORDS = {"skipped": "left out"}


def plan_json(plan: rebalance_pb2.RebalancePlan) -> dict[str, Any]:
    """Shares are of a cell's capacity: 1 is full."""
    facts: dict[str, Any] = {"imbalance_before": round(plan.imbalance_before, 4), "imbalance_after": round(plan.imbalance_after, 4)}
    facts |= {name: getattr(plan, name) for name in ("workspaces", "resting", "spent")}
    facts["moves"] = [_move_json(move, planned=True) for move in plan.moves]
    facts["cells"] = [
        {"cell": each.cell, "region": each.region, "before": _by_name(plan, each.before), "after": _by_name(plan, each.after)}
        for each in plan.cells
    ]
    return facts | {"hot": [{"workspace": one.workspace, "cell": one.cell, "why": one.line} for one in plan.hot]}


def _by_name(plan: rebalance_pb2.RebalancePlan, shares: Sequence[float]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in zip(plan.resources, shares, strict=True)}


def run_json(run: rebalance_pb2.Run, *, moves: bool = True) -> dict[str, Any]:
    names = ("run_id", "state", "problem", "done", "moving", "waiting", "failed", "skipped", "at_once", "waits")
    facts: dict[str, Any] = {name: getattr(run, name) for name in names}
    facts |= {"age_s": round(run.age_s, 1), "eta_s": round(run.eta_s, 1)}
    facts |= {"imbalance_before": round(run.imbalance_before, 4), "imbalance_planned": round(run.imbalance_planned, 4)}
    return facts | ({"bytes": run.bytes, "moves": [_move_json(move, planned=False) for move in run.moves]} if moves else {})


def _move_json(move: rebalance_pb2.PlannedMove, *, planned: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {name: getattr(move, name) for name in ("workspace", "workspace_id", "source", "target", "why", "bytes")}
    facts |= {"pause_ms": round(move.pause_ms, 1), "imbalance": round(move.imbalance, 4)}
    return facts if planned else facts | {name: getattr(move, name) for name in ("state", "move_id", "problem")}


def show_plan(plan: rebalance_pb2.RebalancePlan) -> None:
    if plan.moves:
        rows = [(m.workspace, m.source, m.target, bytes_shown(m.bytes), f"{m.pause_ms:.0f} ms", m.why) for m in plan.moves]
        show_table("", ("workspace", "from", "to", "size", "pause", "why"), rows)
        say("")
    _show_cells(plan)
    for one in plan.hot:
        say(f"hot: {one.workspace} in {one.cell} {one.line}", "yellow")
    left = [(plan.resting, "were moved lately and rest"), (plan.spent, "have waited enough this month")]
    for count, what in left:
        if count:
            say(f"{count} of {plan.workspaces} workspaces {what}")
    if not plan.moves:
        say("the cells are even enough; there is nothing to move", "green")
        return
    pauses = sum(move.pause_ms for move in plan.moves) / len(plan.moves)
    size = bytes_shown(sum(move.bytes for move in plan.moves))
    before, after = plan.imbalance_before, plan.imbalance_after
    say(f"{len(plan.moves)} moves, about {size}, {pauses:.0f} ms of pause each; imbalance {before:.3f} -> {after:.3f} (0 is even)")


def _show_cells(plan: rebalance_pb2.RebalancePlan) -> None:
    """The fullest first, where there are many."""
    cells = sorted(plan.cells, key=lambda each: -max(each.before, default=0.0)) if len(plan.cells) > CELLS_SHOWN_MAX else plan.cells
    rows = [(each.cell, each.region, *map(_change, each.before, each.after)) for each in cells[:CELLS_SHOWN_MAX]]
    show_table("", ("cell", "region", *plan.resources), rows)
    if len(cells) > CELLS_SHOWN_MAX:
        say(f"and {len(cells) - CELLS_SHOWN_MAX} cells that are less full")


def _change(before: float, after: float) -> str:
    return f"{before:.1%}" if abs(after - before) < 0.0005 else f"{before:.1%} -> {after:.1%}"


def show_run(run: rebalance_pb2.Run) -> None:
    counts = [("done", run.done), ("moving", run.moving), ("left", run.waiting), ("failed", run.failed), ("left out", run.skipped)]
    facts: list[tuple[str, object]] = [("run", run.run_id), ("state", run.state)]
    if run.problem:
        facts.append(("why", run.problem))
    facts += [(name, count) for name, count in counts if count or name == "done"]
    facts += [("moved", bytes_shown(run.bytes)), ("lasted", f"{run.age_s:.0f} s")]
    if run.state == "running" and run.eta_s:
        facts.append(("left about", f"{run.eta_s:.0f} s"))
    show_facts(facts)
    if run.moves:
        columns = ("workspace", "from", "to", "state", "pause", "move", "why")
        rows = [(m.workspace, m.source, m.target, _word(m.state), _pause(m), m.move_id, m.problem or m.why) for m in run.moves]
        show_table("", columns, rows)


def _pause(move: rebalance_pb2.PlannedMove) -> str:
    return f"{move.pause_ms:.0f} ms" if move.state == "done" else ""


def _word(state: str) -> str:
    return _WORDS.get(state, state)


def run_line(run: rebalance_pb2.Run) -> str:
    total = run.done + run.moving + run.waiting + run.failed + run.skipped
    moving = ", ".join(move.workspace for move in run.moves if move.state in ("moving", "starting"))
    parts = [f"{run.run_id}: {run.done} of {total} done"]
    parts += [f"{count} {what}" for count, what in ((run.failed, "failed"), (run.skipped, "left out")) if count]
    parts += [f"moving {moving}"] if moving else []
    parts += [f"about {run.eta_s:.0f} s left"] if run.eta_s and run.state == "running" else []
    parts += [f"waits: {run.waits}"] if run.waits else []
    return ", ".join(parts)


def step_line(move: rebalance_pb2.PlannedMove) -> str:
    where = f"{move.workspace}: {move.source} to {move.target}"
    return f"{where}: done, pause {move.pause_ms:.0f} ms" if move.state == "done" else f"{where}: {_word(move.state)}: {move.problem}"
