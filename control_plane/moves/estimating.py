"""How long a move takes, and when it will be over: from what earlier moves took, and from how fast this one goes. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from control_plane.registry import Move, MoveState, MoveStep

S = MoveStep
HISTORY_MAX = 50
ROWS_TELLING = 2_000
"""Of a move of fewer rows, rates tell nothing: it is over before it runs."""
BEFORE = (S.PREPARE, S.COPY, S.CATCH_UP, S.VERIFY, S.ARM, S.FREEZE, S.OPEN)
REST_SHARES = {S.PREPARE: 1.0, S.COPY: 0.9, S.CATCH_UP: 0.7, S.VERIFY: 0.6, S.ARM: 0.4, S.FREEZE: 0.2, S.OPEN: 0.1}
"""Of what a move takes beside its rows, how much is left at the beginning of a step."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Measured on two cores with everything on one machine (docs/adr/0011-moves.md), until a fleet has moves of its own to go by."""

    copied_per_s: float = 90_000.0
    compared_per_s: float = 200_000.0
    rest_s: float = 0.8
    """What a move takes however few rows it has, until people live in the other cell."""
    pause_ms: float = 60.0

    def duration_s(self, rows: int) -> float:
        return self.rest_s + rows / self.copied_per_s + rows / self.compared_per_s

    @property
    def facts(self) -> dict[str, float]:
        return {"copied_per_s": self.copied_per_s, "compared_per_s": self.compared_per_s, "rest_s": self.rest_s}


@dataclass(frozen=True, slots=True)
class Progress:
    share: float
    eta_s: float
    rows_per_s: float = 0.0


def predict(moves: Iterable[Move]) -> Prediction:
    """By the middle one of those that arrived; what they do not tell is as measured before."""
    arrived = [move.facts for move in moves if move.state not in (MoveState.RUNNING, MoveState.UNDONE) and "arrived_s" in move.facts]
    large = [facts for facts in arrived if facts.get("rows", 0) >= ROWS_TELLING]
    known = Prediction()
    return Prediction(
        copied_per_s=_middle((_rate(facts["rows"], facts["copy_s"]) for facts in large), known.copied_per_s),
        compared_per_s=_middle((_rate(facts["rows"], facts["verify_s"]) for facts in large), known.compared_per_s),
        rest_s=_middle((_rest(facts) for facts in arrived), known.rest_s),
        pause_ms=_middle((float(facts["pause_ms"]) for facts in arrived if "pause_ms" in facts), known.pause_ms),
    )


def progress(move: Move) -> Progress:
    """Until people live in the other cell. A move that goes back, or is over, is not foretold."""
    if move.ended or move.step not in BEFORE:
        return Progress(1.0 if move.state is not MoveState.UNDONE else 0.0, 0.0)
    facts = move.facts
    known = Prediction(**facts.get("predicted", {}))
    rows, copied, compared = facts.get("rows_planned", 0), facts.get("rows", 0), facts.get("compared", 0)
    copying = _observed(move, S.COPY, copied, known.copied_per_s)
    slower = copying / known.copied_per_s
    comparing = _observed(move, S.VERIFY, compared, known.compared_per_s * slower)
    left = max(rows - copied, 0) / copying if BEFORE.index(move.step) <= BEFORE.index(S.COPY) else 0.0
    left += max(rows - compared, 0) / comparing if BEFORE.index(move.step) <= BEFORE.index(S.VERIFY) else 0.0
    eta_s = max(left + known.rest_s * REST_SHARES[move.step] - _since_told_s(move), 0.0)
    total_s = rows / copying + rows / comparing + known.rest_s
    running = {S.COPY: copying, S.VERIFY: comparing}.get(move.step, 0.0)
    return Progress(min(max(1 - eta_s / total_s, 0.0), 1.0) if total_s else 0.0, eta_s, running)


def _observed(move: Move, step: MoveStep, rows: int, known_per_s: float) -> float:
    """What was known weighs as much as half a second of what is seen."""
    seen_s = float(move.facts.get(f"{step}_s", 0.0))
    return (rows + known_per_s * 0.5) / (seen_s + 0.5) if rows and seen_s else known_per_s


def _since_told_s(move: Move) -> float:
    """Rows are told from time to time; what has passed since has been worked."""
    told_s = move.facts.get(f"{move.step}_s")
    return min(max(move.step_age_s - float(told_s), 0.0), 2.0) if told_s is not None and move.step in (S.COPY, S.VERIFY) else 0.0


def _rate(rows: int, took_s: float) -> float:
    return rows / max(took_s, 0.001)


def _rest(facts: Mapping[str, Any]) -> float:
    """Without the time in which other moves had their turn: with it, moves in a row were foretold ever slower."""
    waited_s = float(facts.get("waited_s", 0.0))
    return max(float(facts["arrived_s"]) - waited_s - float(facts["copy_s"]) - float(facts["verify_s"]), 0.05)


def _middle(values: Iterable[float], otherwise: float) -> float:
    found = list(values)
    return median(found) if found else otherwise
