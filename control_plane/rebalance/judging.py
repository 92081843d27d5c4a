"""What a run makes of what it sees: whether a cell suffers, whether a step still helps, what became of a move. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from control_plane.rebalance.policy import RESOURCES, Policy
from control_plane.registry import Cell, CellState, Move, MoveState, MoveStep, PlacedLoad, Rest, RunStep, StepState, VitalSigns

REQUESTS_MIN = 20
"""Of an interval, for its share of errors and its latency to mean anything."""
ERRORS_MIN = 3
ERROR_SHARE_RISE = 0.01
P99_FACTOR, P99_RISE_MS, P99_MS_UNKNOWN = 2.0, 100.0, 500.0
SUFFERS_S = 6.0
"""For so long without a break before a run is stopped: three heartbeats."""
SILENT_S = 30.0
"""Of a cell that is not heard of: a control plane that has just started has not heard of any."""
FAILURES_MAX = 3
ARRIVED = frozenset({MoveStep.WINDOW, MoveStep.FINISH, MoveStep.PURGE})

Carried = tuple[float, float, float, float]
"""By `RESOURCES`."""


def baseline(told: VitalSigns | None) -> Mapping[str, float]:
    """What a cell is compared with later."""
    return {"error_share": told.error_share, "p99_ms": told.p99_ms} if told is not None and told.requests >= REQUESTS_MIN else {}


def suffering(cell: Cell, before: Mapping[str, float]) -> str:
    """One sentence of what rose since the run began; empty: nothing did."""
    if not cell.healthy:
        return f"{cell.name} was not heard of lately"
    told = cell.vital_signs
    if told is None:
        return ""
    if not told.ready:
        return f"no process of {cell.name} is ready"
    if told.requests < REQUESTS_MIN:
        return ""
    share, base = told.error_share, before.get("error_share", 0.0)
    if told.errors >= ERRORS_MIN and share > base + ERROR_SHARE_RISE:
        return f"{share:.1%} of the requests of {cell.name} fail, {base:.1%} when the run began"
    p99_ms = before.get("p99_ms", 0.0)
    if told.p99_ms > (max(P99_FACTOR * p99_ms, p99_ms + P99_RISE_MS) if p99_ms else P99_MS_UNKNOWN):
        since = f"{p99_ms:.0f} ms when the run began" if p99_ms else "unknown when the run began"
        return f"requests of {cell.name} take {told.p99_ms:.0f} ms (p99), {since}"
    return ""


@dataclass(frozen=True, slots=True)
class Watch:
    """Cells that suffer, since when, as a run's facts keep it."""

    since_s: Mapping[str, float]
    line: str
    """Why the run is to stop; empty: it goes on."""


def watch(cells: Sequence[Cell], facts: Mapping[str, Any], now_s: float) -> Watch:
    """`facts`: the run's `baseline` and `suffers`, both by cell."""
    found = {cell.name: line for cell in cells if (line := suffering(cell, facts.get("baseline", {}).get(cell.name, {})))}
    since_s = {str(name): float(facts.get("suffers", {}).get(name, now_s)) for name in found}
    patience_s = {cell.name: SUFFERS_S if cell.healthy else SILENT_S for cell in cells}
    longest = next((name for name in sorted(found) if now_s - since_s[name] >= patience_s[name]), None)
    return Watch(since_s, "" if longest is None else found[longest])


def settled(step: RunStep, move: Move) -> RunStep | None:
    """The step once its people live where they were to, or stay; None: the move runs."""
    if move.state is MoveState.ROLLED_BACK or move.facts.get("back"):
        return step.turned(StepState.FAILED, problem="was rolled back")
    if move.state is MoveState.UNDONE:
        return step.turned(StepState.FAILED, problem=move.problem or "was undone")
    if move.state is MoveState.DONE or move.step in ARRIVED:
        return step.turned(StepState.DONE, measured_ms=float(move.facts.get("pause_ms", 0.0)))
    return None


def adopted(step: RunStep, latest: Move | None) -> RunStep:
    """A step found `starting`: its move, if it was begun before whoever began it died; else it is begun again."""
    is_ours = latest is not None and latest.id != step.facts.get("after_move") and latest.target == step.target
    if latest is not None and is_ours and latest.source == step.source:
        return step.turned(StepState.MOVING, move_id=latest.id)
    return step.turned(StepState.WAITING, problem=step.problem)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be known of a step before it begins."""

    placed: PlacedLoad | None
    target: Cell
    source: Cell
    carried: Mapping[str, Carried]
    room: Mapping[str, Carried]
    rest: Rest | None
    run_age_s: float
    pause_ms: float


def objection(step: RunStep, sees: Outlook, policy: Policy) -> str:
    """Why a step is left out; empty: it is begun."""
    placed = sees.placed
    if placed is None:
        return "is gone"
    if placed.cell != step.source:
        return f"lives in {placed.cell} by now"
    may_move = placed.active and not placed.moving and placed.pin in ("", step.target if step.facts.get("pin") else "")
    if not may_move:
        return "is suspended" if not placed.active else "is being moved already" if placed.moving else f"is pinned to {placed.pin}"
    if sees.target.state is not CellState.ACTIVE:
        return f"{step.target} is {sees.target.state}"
    if sees.rest is not None and sees.rest.moved_age_s < sees.run_age_s:
        return "was moved meanwhile"
    if sees.rest is not None and sees.rest.paused_ms + sees.pause_ms > policy.pause_budget_ms:
        return f"its people have waited {sees.rest.paused_ms / 1000:.0f} s this month"
    return "" if helps(step, sees) else _no_help(step, sees)


def helps(step: RunStep, sees: Outlook) -> bool:
    """Whether the squares of both cells' shares still fall, by what the plan levelled, and the target has room."""
    assert sees.placed is not None
    load = (1.0, sees.placed.events_per_s, sees.placed.connections, sees.placed.bytes)
    before = after = 0.0
    for resource in step.facts.get("resources", range(len(RESOURCES))):
        source_room, target_room = sees.room[step.source][resource], sees.room[step.target][resource]
        source, target = sees.carried[step.source][resource], sees.carried[step.target][resource]
        before += (source / source_room) ** 2 + (target / target_room) ** 2
        after += ((source - load[resource]) / source_room) ** 2 + ((target + load[resource]) / target_room) ** 2
        if target + load[resource] > target_room:
            return False
    return after < before


def _no_help(step: RunStep, sees: Outlook) -> str:
    def fullest(cell: str) -> float:
        resources = step.facts.get("resources", range(len(RESOURCES)))
        return max((sees.carried[cell][resource] / sees.room[cell][resource] for resource in resources), default=0.0)

    return f"would not help any more: {step.source} is {fullest(step.source):.0%} full now, {step.target} {fullest(step.target):.0%}"
