"""How long a move takes, and when it will be over: from what earlier moves took, and from how fast this one goes. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from statistics import median
from typing import Any

from control_plane.registry import Move, MoveState, MoveStep

S = MoveStep
HISTORY_MAX = 50
LATEST_MAX = 9
"""Moves by which the next one is foretold, the latest: what cells bear changes with what else they do."""
ROWS_TELLING = 10_000
"""A move of no more rows is compared with its copy, at one moment: it tells what moves of its kind take, and no rates."""
BEFORE = (S.PREPARE, S.COPY, S.CATCH_UP, S.VERIFY, S.ARM, S.FREEZE, S.OPEN)
CHANCE = 0.3
"""How far a move may be from what was foretold by chance, of what it took, after a second; less later, as averages do."""
TOLD_S_MAX = 2.0
"""For so long after rows were told it is taken to have gone on as before."""
STEPS_S: Mapping[str, float] = {S.PREPARE: 0.05, S.COPY: 0.55, S.CATCH_UP: 0.02, S.VERIFY: 0.45, S.ARM: 0.12, S.FREEZE: 0.05, S.OPEN: 0.04}


@dataclass(frozen=True, slots=True)
class Prediction:
    """Measured on two cores with everything on one machine (docs/adr/0011-moves.md), until a fleet has moves of its own to go by."""

    copied_per_s: float = 57_000.0
    compared_per_s: float = 400_000.0
    steps_s: Mapping[str, float] = field(default_factory=lambda: STEPS_S)
    """What each step takes however few rows there are; together until people live in the other cell."""
    pause_ms: float = 60.0

    def step_s(self, step: MoveStep, rows: int) -> float:
        rate = {S.COPY: self.copied_per_s, S.VERIFY: self.compared_per_s}.get(step)
        return self.steps_s.get(step, 0.0) + (rows / rate if rate else 0.0)

    def duration_s(self, rows: int) -> float:
        return sum(self.step_s(step, rows) for step in BEFORE)

    @property
    def facts(self) -> dict[str, Any]:
        return {"copied_per_s": self.copied_per_s, "compared_per_s": self.compared_per_s, "steps_s": dict(self.steps_s)}


@dataclass(frozen=True, slots=True)
class Progress:
    share: float
    eta_s: float
    rows_per_s: float = 0.0


def predict(moves: Iterable[Move], rows: int = 0) -> Prediction:
    """Of a move of so many rows, by the middle one of the latest of its kind that arrived; `moves`: the latest first.

    What they do not tell is as measured before.
    """
    arrived = [move.facts for move in moves if move.state not in (MoveState.RUNNING, MoveState.UNDONE) and "arrived_s" in move.facts]
    alike = [facts for facts in arrived if (facts.get("rows", 0) > ROWS_TELLING) == (rows > ROWS_TELLING)][:LATEST_MAX]
    known = Prediction()
    copied_per_s = _middle((_rate(facts, S.COPY, "rows") for facts in alike), known.copied_per_s)
    compared_per_s = _middle((_rate(facts, S.VERIFY, "compared") for facts in alike), known.compared_per_s)
    rated = Prediction(copied_per_s, compared_per_s, {})
    return Prediction(
        copied_per_s,
        compared_per_s,
        {step: _middle((_beside(facts, step, rated) for facts in alike), known.steps_s[step]) for step in BEFORE},
        _middle((facts.get("pause_ms") for facts in alike), known.pause_ms),
    )


def progress(move: Move) -> Progress:
    """Until people live in the other cell. A move that goes back, or is over, is not foretold."""
    if move.ended or move.step not in BEFORE:
        return Progress(1.0 if move.state is not MoveState.UNDONE else 0.0, 0.0)
    known = _told(move.facts.get("predicted", {}))
    rows = max(move.facts.get("rows_planned", 0), move.facts.get("rows", 0))
    slower = _slower(move, known)
    whole_s = known.duration_s(rows)
    done_s = sum(known.step_s(step, rows) for step in BEFORE[: BEFORE.index(move.step)]) + _within_s(move, known, rows, slower)
    running = {S.COPY: known.copied_per_s / slower, S.VERIFY: known.compared_per_s / slower}.get(move.step, 0.0)
    return Progress(done_s / whole_s if whole_s else 0.0, (whole_s - done_s) * slower, running)


def _slower(move: Move, known: Prediction) -> float:
    """How many times longer than foretold this move takes for what it has done; what may be chance does not count."""
    seen_s = expected_s = 0.0
    for step, rows in ((S.COPY, move.facts.get("rows", 0)), (S.VERIFY, move.facts.get("compared", 0))):
        if rows and f"{step}_s" in move.facts:
            seen_s += move.facts[f"{step}_s"]
            expected_s += known.step_s(step, rows)
    if seen_s <= 0 or expected_s <= 0:
        return 1.0
    times, chance = seen_s / expected_s, 1 + CHANCE / math.sqrt(seen_s)
    return max(times / chance, 1.0) if times > 1 else min(times * chance, 1.0)


def _within_s(move: Move, known: Prediction, rows: int, slower: float) -> float:
    """How far its step is, in seconds as foretold: by the rows that were told, and by what has passed since."""
    done, told_s = {S.COPY: move.facts.get("rows", 0), S.VERIFY: move.facts.get("compared", 0)}.get(move.step, 0), 0.0
    most_s = known.step_s(move.step, rows)
    if not done:
        return min(move.step_age_s / slower, known.step_s(move.step, 0), most_s)
    told_s = float(move.facts.get(f"{move.step}_s", 0.0))
    since_s = min(max(move.step_age_s - told_s, 0.0), TOLD_S_MAX)
    return min(known.step_s(move.step, done) + since_s / slower, most_s)


def _told(facts: Mapping[str, Any]) -> Prediction:
    """As it was stored with a move, by whatever version."""
    names = {each.name for each in fields(Prediction)}
    return Prediction(**{name: value for name, value in facts.items() if name in names})


def _rate(facts: Mapping[str, Any], step: MoveStep, counted: str) -> float | None:
    """Of what came after the first rows that were told: how long a step takes to begin is no matter of rows."""
    first, took_s = facts.get(f"{step}_from"), facts.get(f"{step}_s", 0.0)
    if first is None or took_s <= first[1] or facts[counted] <= first[0]:
        return None
    return float((facts[counted] - first[0]) / (took_s - first[1]))


def _beside(facts: Mapping[str, Any], step: MoveStep, rated: Prediction) -> float | None:
    """What a step took beside its rows. Of the first without the time in which other moves had their turn."""
    took_s = facts.get("steps_s", {}).get(step)
    if took_s is None:
        return None
    waited_s = facts.get("waited_s", 0.0) if step is S.PREPARE else 0.0
    return float(max(took_s - waited_s - rated.step_s(step, facts.get("rows", 0)), 0.0))


def _middle(values: Iterable[float | None], otherwise: float) -> float:
    found = [value for value in values if value is not None]
    return median(found) if found else otherwise
