"""A rollout of code: what each cell's stage becomes by what is seen of it. Pure; the conductor stores the turn and says it to the place."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chassis.identity import CellName
from control_plane.fleet.judging import Window, window_of, worse
from control_plane.fleet.serving import LEFT_OUT
from control_plane.registry import Cell, CellStage, Rollout, RolloutCell, RolloutState, VitalSigns

AT_ONCE_MAX = 4
"""Cells of a wave whose processes change at the same time."""
LOOK_S = 6.0
"""Three heartbeats of how a cell fares before."""
SAMPLE_EVERY_S = 2.0
TOUCHED = frozenset({CellStage.WORKING, CellStage.BAKING, CellStage.DONE, CellStage.FAILED})


@dataclass(frozen=True, slots=True)
class Sight:
    """A cell as its heartbeats show it. `versions`: of the processes heard of lately; `wanted`: what the place was told, empty: its own."""

    versions: frozenset[str]
    signs: VitalSigns | None
    wanted: str = ""

    def is_up(self, versions: frozenset[str]) -> bool:
        ready = self.signs is not None and self.signs.processes > 0 and self.signs.ready == self.signs.processes
        return ready and bool(self.versions) and self.versions <= versions


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be stored, by compare-and-set against the rows as they were read."""

    state: RolloutState
    wave: int
    problem: str
    cells: tuple[RolloutCell, ...] = ()

    def changes(self, rollout: Rollout) -> bool:
        return bool(self.cells) or (self.state, self.wave, self.problem) != (rollout.state, rollout.wave, rollout.problem)


@dataclass(frozen=True, slots=True)
class Look:
    """`sights`: of all cells that serve. `settled`: whoever looks has looked for long enough to have heard everyone; before,
    silence is no fault of a cell's. `elsewhere`: somebody with rights of their own carries out what is said, has been there for
    `applied_for_s` (None: nobody is), and tells what was applied: processes that say what they are do not say what is to come of them."""

    sights: Mapping[CellName, Sight]
    now_s: float
    settled: bool
    elsewhere: bool = False
    applied_for_s: float | None = math.inf

    def is_applied(self, cell: RolloutCell, version: str) -> bool:
        return not self.elsewhere or cell.facts.get("applied") == version


def sight_of(cell: Cell, wanted: str) -> Sight:
    heard = [process for process in cell.processes if process.healthy]
    return Sight(frozenset(process.version for process in heard), cell.vital_signs, wanted)


def turn(rollout: Rollout, cells: Sequence[RolloutCell], look: Look) -> Turn:
    """`cells`: every one that is not waiting, and those of the present wave."""
    if rollout.state is RolloutState.ROLLING_BACK:
        return _backwards(rollout, cells, look)
    after = [_seen(rollout, cell, look) for cell in cells]
    failed = next((cell for cell in after if cell.stage is CellStage.FAILED), None)
    if failed is not None:
        return going_back(rollout, cells, f"{failed.cell}: {failed.problem}", after)
    wave = [cell for cell in after if cell.wave == rollout.wave]
    if rollout.state is RolloutState.RUNNING:
        begun = _begun(wave) if look.applied_for_s is not None else {}
        after = [begun.get(cell.cell, cell) for cell in after]
        if all(cell.stage is CellStage.DONE for cell in wave):
            return _next_wave(rollout, _changed(cells, after))
    return Turn(rollout.state, rollout.wave, rollout.problem, _changed(cells, after))


def going_back(rollout: Rollout, cells: Sequence[RolloutCell], why: str, after: Sequence[RolloutCell] = ()) -> Turn:
    """Every cell that has the new code, or may have it, gets back what it had; the others were never touched.

    `cells`: as they were read; `after`: what was seen of them since.
    """
    back = [_turned_back(cell) for cell in after or cells]
    return Turn(RolloutState.ROLLING_BACK, rollout.wave, why, _changed(cells, back))


def _turned_back(cell: RolloutCell) -> RolloutCell:
    if cell.stage in TOUCHED and "had" in cell.facts:
        return cell.at(CellStage.UNDOING)
    return cell.at(CellStage.WAITING) if cell.stage in (CellStage.LOOKING, CellStage.FAILED) else cell


def _begun(wave: Sequence[RolloutCell]) -> Mapping[CellName, RolloutCell]:
    room = AT_ONCE_MAX - sum(cell.stage in (CellStage.LOOKING, CellStage.WORKING) for cell in wave)
    waiting = [cell for cell in wave if cell.stage is CellStage.WAITING]
    return {cell.cell: cell.at(CellStage.LOOKING, before=Window().facts(), looked_s=0.0) for cell in waiting[: max(room, 0)]}


def _next_wave(rollout: Rollout, changed: tuple[RolloutCell, ...]) -> Turn:
    if rollout.wave + 1 < len(rollout.waves):
        return Turn(rollout.state, rollout.wave + 1, rollout.problem, changed)
    return Turn(RolloutState.DONE, rollout.wave, "", changed)


def _seen(rollout: Rollout, cell: RolloutCell, look: Look) -> RolloutCell:
    sight = look.sights.get(cell.cell)
    if sight is None:
        return cell if cell.stage is CellStage.DONE else cell.at(CellStage.DONE, problem=LEFT_OUT)
    match cell.stage:
        case CellStage.LOOKING:
            return _looking(rollout, cell, sight, look)
        case CellStage.WORKING:
            return _working(rollout, cell, sight, look)
        case CellStage.BAKING:
            return _baking(rollout, cell, sight, look)
    return cell


def _looking(rollout: Rollout, cell: RolloutCell, sight: Sight, look: Look) -> RolloutCell:
    """What it had is on record before anything is said to the place."""
    if rollout.state is RolloutState.PAUSED:
        return cell.at(CellStage.WAITING)
    cell = _sampled(cell, "before", sight, look)
    if cell.stage_age_s < LOOK_S or not look.settled:
        return cell
    if not sight.versions:
        return cell.at(CellStage.FAILED, problem="it was not heard of in the last 10 s, before it was touched")
    return cell.at(CellStage.WORKING, had=sight.wanted, had_versions=sorted(sight.versions))


def _working(rollout: Rollout, cell: RolloutCell, sight: Sight, look: Look) -> RolloutCell:
    """While old and new serve side by side, errors count already: what was there before has not gone yet, and going back is at once."""
    if sight.is_up(frozenset({rollout.target})) and look.is_applied(cell, rollout.target):
        return cell.at(CellStage.BAKING, after=Window().facts(), looked_s=0.0)
    if rollout.target in sight.versions:
        cell = _sampled(cell, "beside", sight, look)
        if why := worse(window_of(cell.facts.get("before")), window_of(cell.facts.get("beside")).of_requests):
            return cell.at(CellStage.FAILED, problem=why)
    ready_s = float(rollout.facts["ready_s"])
    if look.settled and look.applied_for_s is not None and min(cell.stage_age_s, look.applied_for_s) > ready_s:
        return cell.at(CellStage.FAILED, problem=f"not ready as {rollout.target} after {ready_s:g} s")
    return cell


def _baking(rollout: Rollout, cell: RolloutCell, sight: Sight, look: Look) -> RolloutCell:
    if not look.settled and sight.signs is None:
        return cell
    cell = _sampled(cell, "after", sight, look)
    if why := worse(window_of(cell.facts.get("before")), window_of(cell.facts.get("after"))):
        return cell.at(CellStage.FAILED, problem=why)
    return cell.at(CellStage.DONE) if cell.stage_age_s >= float(rollout.facts["bake_s"]) else cell


def _sampled(cell: RolloutCell, window: str, sight: Sight, look: Look) -> RolloutCell:
    """One heartbeat's worth at a time."""
    if look.now_s - float(cell.facts.get("looked_s", 0.0)) < SAMPLE_EVERY_S:
        return cell
    seen = window_of(cell.facts.get(window)).with_look(sight.signs)
    return replace(cell, facts={**cell.facts, window: seen.facts(), "looked_s": look.now_s})


def _backwards(rollout: Rollout, cells: Sequence[RolloutCell], look: Look) -> Turn:
    after = [_restored(rollout, cell, look) for cell in cells]
    state = rollout.state
    if not any(cell.stage is CellStage.UNDOING for cell in after):
        state = RolloutState.ABORTED if rollout.facts.get("aborted") else RolloutState.ROLLED_BACK
    return Turn(state, rollout.wave, rollout.problem, _changed(cells, after))


def _restored(rollout: Rollout, cell: RolloutCell, look: Look) -> RolloutCell:
    sight = look.sights.get(cell.cell)
    if cell.stage is not CellStage.UNDOING:
        return cell
    if sight is None or (sight.is_up(frozenset(cell.facts.get("had_versions", ()))) and look.is_applied(cell, had(rollout, cell))):
        return cell.at(CellStage.UNDONE)
    return cell


def had(rollout: Rollout, cell: RolloutCell) -> str:
    """What its processes said they were before it was touched; of several versions, one that is not the new one."""
    heard = [str(one) for one in cell.facts.get("had_versions", ())]
    return next((one for one in heard if one != rollout.target), heard[0] if heard else "")


def _changed(before: Sequence[RolloutCell], after: Sequence[RolloutCell]) -> tuple[RolloutCell, ...]:
    return tuple(new for old, new in zip(before, after, strict=True) if new != old)
