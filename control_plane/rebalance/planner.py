"""Choosing moves. Pure and deterministic: arrays in, an order of moves out, each of which makes the fleet more even by itself.

A cell's *share* of a resource is its load over its capacity. The imbalance of a fleet is the sum of the squares of all shares over
that sum in a perfectly even fleet, less one: 0 is even. Squares make the fullest cells count most, and every step must lower the
sum, so a plan that is cut short anywhere has still helped.

Greedy, from the fullest cell to the emptiest, the workspace that fits the gap between them best: the heuristic of
multidimensional load balancing (as in Azure's and Facebook's shard managers), which here ends within the tolerance in one pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

RESOURCES = ("workspaces", "events/s", "rows")
"""Rows last: what a move costs."""
TARGETS_MAX = 6
PARTS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.001, 1.5)
"""Of the gap between two cells, that are looked at in turn: what is large in one resource may be wrong in another. Last, what is a little
larger than the gap: it still lowers the squares, and of equal workspaces the last that is to go may be larger by a hair."""
LOOKED_AT_MAX = 16
"""Candidates about the best size, of which the one that is cheapest to move is taken."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Fleet:
    """Workspaces in rows (their loads by `RESOURCES`), cells in rows (their capacities). `home` are places in `capacities`."""

    loads: Floats
    home: Ints
    movable: Bools
    capacities: Floats
    region: Ints
    """Of each cell; a workspace stays in the region of its home."""
    open: Bools
    """Cells that take workspaces."""

    @cached_property
    def carried(self) -> Floats:
        """Load of each cell."""
        columns = [np.bincount(self.home, self.loads[:, d], len(self.capacities)).astype(np.float64) for d in range(self.loads.shape[1])]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True)
class Bounds:
    tolerance: float = 0.08
    """A cell is left alone while each of its shares is within this of its region's mean: small waves move nobody."""
    moves_max: int = 100_000
    gain_min: float = 1e-9
    """A step must lower the sum of squares by this share of it."""


@dataclass(frozen=True, slots=True)
class Step:
    workspace: int
    source: int
    target: int
    resource: int
    """Of which the source had too much."""
    source_share: float
    target_share: float
    mean_share: float
    imbalance: float
    """Of the region once this is done."""


@dataclass(frozen=True)
class Plan:
    steps: tuple[Step, ...]
    before: Floats
    """Shares of each cell, by resource."""
    after: Floats
    means: Floats
    """What each share would be in an even region."""

    @property
    def worst(self) -> float:
        """How far the fullest cell is over its mean after the plan; 0.1 is ten per cent."""
        return excess(self.after, self.means)


def excess(shares: Floats, means: Floats) -> float:
    over = np.divide(shares, means, out=np.ones_like(shares), where=means > 0) - 1
    return float(over.max(initial=0.0))


def plan(fleet: Fleet, bounds: Bounds = Bounds()) -> Plan:
    carried = fleet.carried.copy()
    steps: list[Step] = []
    before = _shares(carried, fleet.capacities)
    means = np.zeros_like(before)
    for region in np.unique(fleet.region):
        cells = np.flatnonzero((fleet.region == region) & fleet.open)
        if len(cells) > 0:
            level = _Level(fleet, bounds, cells, carried, _Yard(fleet))
            means[cells] = level.mean
            steps += list(level.steps(bounds.moves_max - len(steps)))
    after = _shares(carried, fleet.capacities)
    return Plan(tuple(steps), before, after, np.where(means > 0, means, after))


def _shares(carried: Floats, capacities: Floats) -> Floats:
    return np.divide(carried, capacities, out=np.zeros_like(carried), where=capacities > 0)


class _Level:
    """One region on its way to be even. Changes the rows of `carried` that are its cells'."""

    def __init__(self, fleet: Fleet, bounds: Bounds, cells: Ints, carried: Floats, yard: "_Yard") -> None:
        self._fleet, self._bounds, self._cells, self._carried, self._yard = fleet, bounds, cells, carried, yard
        self._capacities = fleet.capacities[cells]
        room = self._capacities.sum(axis=0)
        self.mean: Floats = np.divide(carried[cells].sum(axis=0), room, out=np.zeros_like(room), where=room > 0)
        self._shares = _shares(carried[cells], self._capacities)
        self._total = float((self._shares**2).sum())
        self._even = float((self.mean**2).sum()) * len(cells)
        self._hopeless = np.zeros(self._shares.shape, dtype=bool)
        """Nothing in that cell would help with that resource: its load is in workspaces larger than any gap."""

    def steps(self, moves_max: int) -> Iterator[Step]:
        """Until no cell is far over the mean, or nothing helps any more."""
        for _ in range(moves_max):
            over = np.where(self._hopeless, -1.0, self._over())
            at, resource = divmod(int(over.argmax()), len(self.mean))
            if over[at, resource] <= self._bounds.tolerance:
                return
            found = self._best(at, resource)
            if found is None:
                self._hopeless[at, resource] = True
            else:
                yield self._take(found[0], at, found[1], resource)

    def _over(self) -> Floats:
        return np.divide(self._shares, self.mean, out=np.ones_like(self._shares), where=self.mean > 0) - 1

    def _best(self, at: int, resource: int) -> tuple[int, int] | None:
        """A workspace of the cell and the place to move it to, such that the sum of squares falls."""
        column = self._shares[:, resource]
        targets = [int(to) for to in np.argsort(column, kind="stable")[:TARGETS_MAX] if column[to] < min(column[at], self.mean[resource])]
        for part in PARTS:
            for to in targets:
                if (workspace := self._fitting(at, to, resource, part)) is not None:
                    return workspace, to
        return None

    def _fitting(self, at: int, to: int, resource: int, part: float) -> int | None:
        """Of those that would fill about that part of the gap, the one that levels most for what it costs to move."""
        source, target = int(self._cells[at]), int(self._cells[to])
        per_load = 1 / self._capacities[at, resource] + 1 / self._capacities[to, resource]
        gap = (self._shares[at, resource] - self._shares[to, resource]) / per_load
        candidates = self._yard.about(source, resource, gap * part)
        gain = _gains(self._fleet, self._carried, source, target, candidates)
        enough = gain > self._bounds.gain_min * self._total
        if not enough.any():
            return None
        worth = np.where(enough, gain / (1.0 + self._fleet.loads[candidates, -1]), -np.inf)
        return int(candidates[int(worth.argmax())])

    def _take(self, workspace: int, at: int, to: int, resource: int) -> Step:
        shares, load = self._shares, self._fleet.loads[workspace]
        told = (float(shares[at, resource]), float(shares[to, resource]), float(self.mean[resource]))
        for place, signed in ((at, -load), (to, load)):
            self._total -= float((shares[place] ** 2).sum())
            self._carried[self._cells[place]] += signed
            shares[place] += signed / self._capacities[place]
            self._total += float((shares[place] ** 2).sum())
        self._yard.take(workspace)
        imbalance = self._total / self._even - 1 if self._even else 0.0
        return Step(workspace, int(self._cells[at]), int(self._cells[to]), resource, *told, imbalance)


def _gains(fleet: Fleet, carried: Floats, source: int, target: int, candidates: Ints) -> Floats:
    """By how much the sum of squares falls with each; minus infinity where the target would be over its capacity."""
    load = fleet.loads[candidates]
    before = (carried[source] / fleet.capacities[source]) ** 2 + (carried[target] / fleet.capacities[target]) ** 2
    left = (carried[source] - load) / fleet.capacities[source]
    filled = (carried[target] + load) / fleet.capacities[target]
    gain: Floats = (before - left**2 - filled**2).sum(axis=1)
    return np.where((filled > 1).any(axis=1), -np.inf, gain)


@dataclass
class _Yard:
    """What may leave each cell, in order of one resource; sorted once a cell and resource, when first asked."""

    fleet: Fleet
    _members: dict[int, Ints] = field(default_factory=dict)
    _sorted: dict[tuple[int, int], tuple[Ints, Floats]] = field(default_factory=dict)
    _gone: Bools = field(init=False)
    _order: Ints = field(init=False)
    _starts: Ints = field(init=False)

    def __post_init__(self) -> None:
        self._gone = ~self.fleet.movable
        self._order = np.argsort(self.fleet.home, kind="stable")
        self._starts = np.searchsorted(self.fleet.home[self._order], np.arange(len(self.fleet.capacities) + 1))

    def about(self, cell: int, resource: int, load: float) -> Ints:
        """The largest that are still at home and weigh at most `load`; fewer than `LOOKED_AT_MAX` when there are no more."""
        key = (cell, resource)
        if key not in self._sorted:
            members = self._order[self._starts[cell] : self._starts[cell + 1]]
            members = members[~self._gone[members]]
            members = members[np.argsort(self.fleet.loads[members, resource], kind="stable")]
            self._sorted[key] = (members, self.fleet.loads[members, resource])
        members, weights = self._sorted[key]
        end = int(np.searchsorted(weights, load, side="right"))
        span = 2 * LOOKED_AT_MAX
        while end > 0:
            near = members[max(0, end - span) : end]
            home = near[~self._gone[near]]
            if len(home) >= LOOKED_AT_MAX or span >= end:
                return home[-LOOKED_AT_MAX:]
            span *= 4
        return members[:0]

    def take(self, workspace: int) -> None:
        self._gone[workspace] = True
