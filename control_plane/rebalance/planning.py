"""From what the registry knows to a list of moves. Pure and deterministic: equal facts give equal plans, whatever order they came in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from control_plane.rebalance.planner import Bools, Bounds, Fleet, Floats, Ints, Step, plan
from control_plane.rebalance.policy import CAPACITIES_DEFAULT, POLICY_DEFAULT, RESOURCES, Capacities, Policy
from control_plane.registry import Cell, CellState, Rest

PASSES_MAX = 6


@dataclass(frozen=True)
class Census:
    """Workspaces in rows, in order of id; `home` are places in `cells`, which are in order of name."""

    cells: Sequence[Cell]
    ids: Sequence[str]
    loads: Floats
    """By `RESOURCES`."""
    home: Ints
    settled: Bools
    """Active, not pinned, and no move of it is under way."""
    rests: Mapping[str, Rest]
    pause_ms: float
    """What the next move is expected to cost."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    workspace_id: str
    source: str
    target: str
    why: str
    bytes: float
    pause_ms: float
    imbalance: float
    """Of the fleet once this is done, by what is levelled; falls with every step."""
    resources: tuple[int, ...]
    """That are levelled in this region: places in `RESOURCES`."""
    pin: bool = False
    """The target is dedicated: whoever goes there is pinned to it."""


@dataclass(frozen=True, slots=True)
class Hot:
    workspace_id: str
    cell: str
    line: str


@dataclass(frozen=True)
class Draft:
    steps: tuple[PlannedStep, ...]
    before: Floats
    """Shares of each cell's capacity, by `RESOURCES`."""
    after: Floats
    imbalance_before: float
    imbalance_after: float
    hot: tuple[Hot, ...]
    resting: int
    spent: int


def draft(census: Census, capacities: Capacities = CAPACITIES_DEFAULT, policy: Policy = POLICY_DEFAULT, region: str = "") -> Draft:
    """A plan; those of `region` alone where one is named. Every step lowers the imbalance by itself."""
    return _Drafting(census, capacities, policy, region).done()


def capacity_of(cell: Cell, capacities: Capacities) -> tuple[float, float, float, float]:
    return (float(max(cell.capacity_workspaces, 1)), capacities.events_per_s, capacities.connections, capacities.bytes)


class _Drafting:
    def __init__(self, census: Census, capacities: Capacities, policy: Policy, region: str) -> None:
        self._census, self._policy = census, policy
        self._room: Floats = np.array([capacity_of(cell, capacities) for cell in census.cells]).reshape(-1, len(RESOURCES))
        self._home = census.home.copy()
        self._wanted = np.array([not region or cell.region == region for cell in census.cells], dtype=bool)
        serves = [cell.state is CellState.ACTIVE and cell.healthy for cell in census.cells]
        self._serves = np.array(serves, dtype=bool) & self._wanted
        self._dedicated = np.array([cell.dedicated for cell in census.cells], dtype=bool)
        names = sorted({cell.region for cell in census.cells})
        self._region: Ints = np.array([names.index(cell.region) for cell in census.cells], dtype=np.int64)
        self._rested, self._affordable = _patience(census, policy)
        self._movable = census.settled & self._rested & self._affordable
        self._levelled = self._worth_levelling()
        self._counted = self._levelled_loads()
        self._carried = self._sums(self._counted)
        self._steps: list[PlannedStep] = []

    def done(self) -> Draft:
        before, imbalance = self._shares(self._census.loads), self._imbalance()
        hot = self._give_own_cells()
        for _ in range(PASSES_MAX):
            if not self._level():
                break
        resting, spent = (int((self._census.settled & ~each).sum()) for each in (self._rested, self._affordable))
        after = self._shares(self._census.loads)
        return Draft(tuple(self._steps), before, after, imbalance, self._imbalance(), tuple(hot), resting, spent)

    # what there is

    def _sums(self, loads: Floats) -> Floats:
        columns = [np.bincount(self._home, loads[:, d], len(self._room)).astype(np.float64) for d in range(len(RESOURCES))]
        return np.stack(columns, axis=1)

    def _shares(self, loads: Floats) -> Floats:
        return self._sums(loads) / self._room

    def _move(self, one: int, target: int) -> None:
        self._carried[self._home[one]] -= self._counted[one]
        self._carried[target] += self._counted[one]
        self._home[one] = target

    def _levelled_loads(self) -> Floats:
        """Without what is nobody's burden in its region."""
        loads = self._census.loads.copy()
        for region, kept in self._levelled.items():
            idle = [resource for resource in range(len(RESOURCES)) if resource not in kept]
            loads[np.ix_((self._region == region)[self._home], idle)] = 0.0
        return loads

    def _worth_levelling(self) -> dict[int, tuple[int, ...]]:
        """Places of resources, by region."""
        shares, found = self._shares(self._census.loads), {}
        for region in np.unique(self._region):
            most = shares[self._region == region].max(axis=0, initial=0.0)
            found[int(region)] = tuple(int(place) for place in np.flatnonzero(most >= self._policy.floor))
        return found

    def _open(self) -> Bools:
        found: Bools = self._serves & ~self._dedicated
        return found

    def _squares(self) -> tuple[float, float]:
        """Of the shares of all cells that serve, and of even ones."""
        carried, total, even = self._carried, 0.0, 0.0
        for region in np.unique(self._region):
            cells = (self._region == region) & self._serves
            if cells.any():
                total += float(((carried[cells] / self._room[cells]) ** 2).sum())
                mean = carried[cells].sum(axis=0) / self._room[cells].sum(axis=0)
                even += float((mean**2).sum()) * int(cells.sum())
        return total, even

    def _imbalance(self) -> float:
        total, even = self._squares()
        return total / even - 1 if even else 0.0

    # cells of their own

    def _give_own_cells(self) -> list[Hot]:
        shares = self._census.loads / self._room[self._home]
        shares[:, 0] = 0.0
        largest = shares.max(axis=1, initial=0.0)
        alone = (largest >= self._policy.hot_share) & self._open()[self._home]
        order = sorted(map(int, np.flatnonzero(alone)), key=lambda one: (-largest[one], self._census.ids[one]))
        return [self._give_own_cell(one, int(shares[one].argmax()), float(largest[one])) for one in order]

    def _give_own_cell(self, one: int, resource: int, share: float) -> Hot:
        home = int(self._home[one])
        cell = self._census.cells[home]
        what = f"alone takes {share:.0%} of a cell's {RESOURCES[resource]}"
        target = self._empty_cell(home)
        if target is None:
            make = f"waggle cell create --dedicated --region {cell.region}"
            return Hot(self._census.ids[one], cell.name, f"{what}: deserves a cell of its own, and none is empty ({make})")
        if not self._movable[one]:
            return Hot(self._census.ids[one], cell.name, f"{what}: deserves a cell of its own, and may not be moved now")
        before, load = self._squares()[0], self._counted[one]
        self._move(one, target)
        if self._squares()[0] >= before or (load > self._room[target]).any():
            self._move(one, home)
            return Hot(self._census.ids[one], cell.name, f"{what}: has {cell.name} nearly to itself")
        self._movable[one] = False
        name = self._census.cells[target].name
        self._add(one, home, target, f"{what}; {name} is dedicated and empty", pin=True)
        return Hot(self._census.ids[one], cell.name, f"{what}: goes to {name}, which is dedicated")

    def _empty_cell(self, home: int) -> int | None:
        own = self._serves & self._dedicated & (self._region == self._region[home])
        full: Bools = np.bincount(self._home, minlength=len(self._room)) > 0
        found = np.flatnonzero(own & ~full)
        return int(found[0]) if len(found) else None

    # levelling

    def _level(self) -> int:
        """One pass of the planner over what is left; how many moves it found."""
        room = self._policy.moves_max - len(self._steps)
        touched = self._touched()
        if room <= 0 or not touched.any():
            return 0
        movable = self._movable & touched[self._home]
        fleet = Fleet(self._counted, self._home.copy(), movable, self._room, self._region, self._open())
        cells = max(int(self._open().sum()), 1)
        made = plan(fleet, Bounds(self._policy.tolerance, room, self._policy.gain_min / cells))
        for step in made.steps:
            self._move(step.workspace, step.target)
            self._movable[step.workspace] = False
            self._add(step.workspace, step.source, step.target, _why(step, self._census.cells))
        return len(made.steps)

    def _touched(self) -> Bools:
        """Cells of the regions in which one is far over the mean."""
        carried, found = self._carried, np.zeros(len(self._room), dtype=bool)
        for region in np.unique(self._region):
            cells = np.flatnonzero((self._region == region) & self._open())
            if len(cells) > 1:
                shares, mean = carried[cells] / self._room[cells], carried[cells].sum(axis=0) / self._room[cells].sum(axis=0)
                found[cells] = ((shares > mean * (1 + self._policy.start)) & (shares >= self._policy.floor)).any()
        return found

    def _add(self, one: int, source: int, target: int, why: str, *, pin: bool = False) -> None:
        cells = self._census.cells
        size = float(self._census.loads[one, -1])
        names = (cells[source].name, cells[target].name)
        step = PlannedStep(
            self._census.ids[one], *names, why, size, self._census.pause_ms, 0.0, self._levelled[int(self._region[source])], pin
        )
        self._steps.append(replace(step, imbalance=self._imbalance()))


def _patience(census: Census, policy: Policy) -> tuple[Bools, Bools]:
    """(rested, affordable) of each workspace; most were never moved."""
    rested, affordable = np.ones(len(census.ids), dtype=bool), np.ones(len(census.ids), dtype=bool)
    if census.rests:
        place = {workspace_id: at for at, workspace_id in enumerate(census.ids) if workspace_id in census.rests}
        for workspace_id, at in place.items():
            rest = census.rests[workspace_id]
            rested[at] = rest.moved_age_s >= policy.cool_down_s
            affordable[at] = rest.paused_ms + census.pause_ms <= policy.pause_budget_ms
    return rested, affordable


def _why(step: Step, cells: Sequence[Cell]) -> str:
    source, target, resource = cells[step.source].name, cells[step.target].name, RESOURCES[step.resource]
    return f"{source} is {step.source_share:.0%} full of {resource}, {target} {step.target_share:.0%}; even is {step.mean_share:.0%}"
