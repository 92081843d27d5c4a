"""Where a move can be struck: every edge of every step, which way leads there, and which process dies."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Way(StrEnum):
    """What is ordered so that a move comes to a step."""

    FORTH = "forth"
    BACK = "back"
    ABORT = "abort"
    ABORT_FROZEN = "abort while frozen"


STEPS: tuple[tuple[Way, tuple[str, ...]], ...] = (
    (Way.FORTH, ("prepare", "copy", "catch_up", "verify", "arm", "freeze", "open", "window", "finish", "purge")),
    (Way.BACK, ("back_freeze", "back_open")),
    (Way.ABORT, ("undo", "undo_purge")),
    (Way.ABORT_FROZEN, ("unfreeze",)),
)
INSIDE = ("sealed", "seen")
"""Of either freeze: the source accepts nothing any more; the target has all."""
PROCESSES = ("controller", "source PostgreSQL", "target PostgreSQL", "source cell", "target cell", "router")


class Point(NamedTuple):
    """`name` in the table; `pause` is what production calls the place."""

    name: str
    pause: str
    way: Way


class Case(NamedTuple):
    point: Point
    process: str


@dataclass(frozen=True, slots=True)
class Sides:
    """Source and target of one move, as cells are called."""

    source: str
    target: str

    def supervised(self, process: str) -> str:
        """What the supervisor calls it."""
        side = self.source if process.startswith("source") else self.target
        if process in ("controller", "router"):
            return {"controller": "control-plane"}.get(process, process)
        return f"{side}-postgres" if process.endswith("PostgreSQL") else side


def points() -> list[Point]:
    found: list[Point] = []
    for way, steps in STEPS:
        for step in steps:
            inside = INSIDE if step.endswith("freeze") and not step.startswith("un") else ()
            found.append(Point(f"{step}.before", f"{step}.before", way))
            found += [Point(f"{step}.{place}", place, way) for place in inside]
            found.append(Point(f"{step}.after", f"{step}.after", way))
    return found


def cases(seed: int) -> Sequence[Case]:
    """All, in an order by which a part of them is a fair sample."""
    every = [Case(point, process) for point in points() for process in PROCESSES]
    random.Random(seed).shuffle(every)
    return every
