"""A fleet over weeks, day by day: it grows, has hot spots, loses cells; the production planner levels it each day.

Sizes follow Zipf's law (the largest workspace has 500,000 people). What a person does is drawn once a workspace, log-normally:
events a second from people awake, rows from their years. All of it is drawn from one seeded generator: equal seeds, equal weeks.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from control_plane.rebalance.planner import Bools, Bounds, Fleet, Floats, Ints, excess, plan

LARGEST_PEOPLE = 500_000
ZIPF_EXPONENT = 0.9
EVENTS_PER_S_A_PERSON = 0.002
ROWS_A_PERSON = 400.0
BYTES_A_ROW = 1_000
FILLED = 0.55
"""How full the average cell is made."""
GIANT_SHARE = 0.2
"""Of a cell's capacity: a workspace that alone needs more gets a dedicated cell, which no plan touches."""
GROWTH_A_DAY = 0.001
WOBBLE_A_DAY = 0.02
NEWCOMERS_A_DAY = 0.0005
HOT_A_DAY, HOT_FACTOR, HOT_DAYS = 30, 20.0, 3
DAYS_BETWEEN_FAILURES = 5
MOVES_A_DAY_MAX = 20_000
COOLING_DAYS = 7
PAUSE_S = 0.06
PAUSE_BUDGET_S = 130.0
MONTH_DAYS = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    workspaces: int = 1_500_000
    cells: int = 150
    weeks: int = 4
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Day:
    number: int
    workspaces: int
    failed_cells: int
    evacuated: int
    promoted: int
    """Workspaces that grew too large to share a cell, and got one of their own."""
    worst_before: float
    """How far the fullest cell was over its mean, before the day's plan and after; 0.1 is ten per cent."""
    worst_after: float
    moves: int
    moved_bytes: float
    pause_spent_s_max: float
    """By one workspace, in the month."""
    planner_s: float


@dataclass
class _World:
    wanted: Wanted
    random: np.random.Generator = field(init=False)
    loads: Floats = field(init=False)
    home: Ints = field(init=False)
    giant: Bools = field(init=False)
    capacities: Floats = field(init=False)
    moved_on: Ints = field(init=False)
    pauses: Floats = field(init=False)
    """Seconds, by day of the month and workspace's sum kept in `spent`."""
    hot: list[tuple[int, Ints]] = field(default_factory=list)

    def __post_init__(self) -> None:
        wanted, random = self.wanted, np.random.default_rng(self.wanted.seed)
        self.random, count = random, wanted.workspaces
        people = np.maximum(1.0, LARGEST_PEOPLE / (random.permutation(count) + 1) ** ZIPF_EXPONENT)
        self.loads = _loads(random, people)
        room = self.loads.sum(axis=0) / wanted.cells / FILLED
        for _ in range(3):  # the giants leave, which makes the others' cells smaller, which makes more giants
            self.giant = (self.loads[:, 1:] > GIANT_SHARE * room[1:]).any(axis=1)
            room = self.loads[~self.giant].sum(axis=0) / wanted.cells / FILLED
        self.capacities = np.tile(room, (wanted.cells, 1))
        self.home = random.integers(0, wanted.cells, count)
        self.moved_on = np.full(count, -COOLING_DAYS)
        self.pauses = np.zeros(count)

    def day(self, number: int) -> Day:
        self._grow(number)
        promoted = self._promote()
        failed = int(number % DAYS_BETWEEN_FAILURES == DAYS_BETWEEN_FAILURES - 1)
        evacuated = self._fail_a_cell() if failed else 0
        if number % MONTH_DAYS == 0:
            self.pauses[:] = 0.0
        rests = self.moved_on > number - COOLING_DAYS
        spent = self.pauses + PAUSE_S > PAUSE_BUDGET_S
        shared = ~self.giant
        cells = len(self.capacities)
        fleet = Fleet(
            np.where(shared[:, None], self.loads, 0.0),
            self.home,
            shared & ~rests & ~spent,
            self.capacities,
            np.zeros(cells, dtype=np.int64),
            np.ones(cells, dtype=bool),
        )
        began_s = time.perf_counter()
        made = plan(fleet, Bounds(moves_max=MOVES_A_DAY_MAX))
        planner_s = time.perf_counter() - began_s
        moved = np.array([step.workspace for step in made.steps], dtype=np.int64)
        self.home[moved] = np.array([step.target for step in made.steps], dtype=np.int64)
        self.moved_on[moved] = number
        self.pauses[moved] += PAUSE_S
        return Day(
            number,
            len(self.home),
            failed,
            evacuated,
            promoted,
            excess(made.before, made.means),
            made.worst,
            len(moved),
            float(self.loads[moved, -1].sum()) * BYTES_A_ROW,
            float(self.pauses.max()),
            planner_s,
        )

    def _grow(self, number: int) -> None:
        random = self.random
        self.loads[:, 1:] *= np.exp(random.normal(GROWTH_A_DAY, WOBBLE_A_DAY, (len(self.loads), 2)))
        for until, spot in self.hot:
            if until == number:
                self.loads[spot, 1] /= HOT_FACTOR
        self.hot = [(until, spot) for until, spot in self.hot if until > number]
        small = np.flatnonzero(self.loads[:, 1] * HOT_FACTOR < GIANT_SHARE * self.capacities[0, 1])
        spot = random.choice(small, HOT_A_DAY, replace=False)
        self.loads[spot, 1] *= HOT_FACTOR
        self.hot.append((number + HOT_DAYS, spot))
        self._welcome(int(len(self.home) * NEWCOMERS_A_DAY))

    def _promote(self) -> int:
        grown = (self.loads[:, 1:] > GIANT_SHARE * self.capacities[0, 1:]).any(axis=1) & ~self.giant
        self.giant |= grown
        return int(grown.sum())

    def _welcome(self, count: int) -> None:
        """New workspaces go where there is most room, as placement does it."""
        self.home = np.concatenate([self.home, self._emptiest(count)])
        people = np.maximum(1.0, self.random.pareto(1.2, count) * 5)
        self.loads = np.concatenate([self.loads, _loads(self.random, people)])
        self.giant = np.concatenate([self.giant, np.zeros(count, dtype=bool)])
        self.moved_on = np.concatenate([self.moved_on, np.full(count, -COOLING_DAYS)])
        self.pauses = np.concatenate([self.pauses, np.zeros(count)])

    def _fail_a_cell(self) -> int:
        """Its workspaces are brought up elsewhere; the cell comes back empty."""
        lost = int(self.random.integers(0, len(self.capacities)))
        gone = np.flatnonzero((self.home == lost) & ~self.giant)
        self.home[gone] = self._emptiest(len(gone), without=lost)
        return len(gone)

    def _emptiest(self, count: int, without: int | None = None) -> Ints:
        """Round the emptier half."""
        shared = ~self.giant
        carried = np.bincount(self.home[shared], self.loads[shared, 1], len(self.capacities))
        order = np.argsort(carried, kind="stable")
        order = order[order != without] if without is not None else order
        half: Ints = order[: max(1, len(order) // 2)]
        return half[np.arange(count) % len(half)]


def simulate(wanted: Wanted) -> Iterator[Day]:
    """Day by day; each is what the planner found and left."""
    world = _World(wanted)
    for number in range(wanted.weeks * 7):
        yield world.day(number)


def _loads(random: np.random.Generator, people: Floats) -> Floats:
    count = len(people)
    events = people * EVENTS_PER_S_A_PERSON * random.lognormal(0.0, 0.5, count)
    rows = people * ROWS_A_PERSON * random.lognormal(0.0, 0.7, count)
    return np.stack([np.ones(count), events, rows], axis=1)
