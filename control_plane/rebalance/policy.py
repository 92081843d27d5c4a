"""What counts as full, what is left alone, and what people may be asked to bear."""

from dataclasses import dataclass, replace

from control_plane.registry.facts import CONNECTIONS_FULL, MESSAGES_PER_S_FULL

RESOURCES = ("workspaces", "events/s", "connections", "bytes")
"""In the order of every array. Bytes last: what a move costs."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Capacities:
    """What a cell carries at most, beside its number of workspaces."""

    events_per_s: float = MESSAGES_PER_S_FULL
    connections: float = float(CONNECTIONS_FULL)
    bytes: float = 200e9


@dataclass(frozen=True, slots=True)
class Policy:
    start: float = 0.15
    """A region is touched when a cell is so far over the mean in a resource; then it is levelled to `tolerance`. The band between
    the two is what keeps a fleet still whose loads only wobble."""
    tolerance: float = 0.08
    floor: float = 0.05
    """Of its capacity: a resource of which no cell of a region carries more is nobody's burden there."""
    gain_min: float = 1e-4
    """A move must lower the sum of squares by this share of a cell's part of it."""
    moves_max: int = 200
    cool_down_s: float = 7 * DAY_S
    """Who was moved rests so long."""
    pause_budget_ms: float = 130_000.0
    """Of waiting, in all moves of a workspace within `month_s`: 99.995 % of a month is free of it."""
    month_s: float = 30 * DAY_S
    hot_share: float = 0.2
    """Who alone takes so much of a cell deserves one of their own."""

    def limited(self, moves_max: int) -> "Policy":
        """To so many moves; 0: as it is."""
        return replace(self, moves_max=moves_max) if moves_max else self


CAPACITIES_DEFAULT, POLICY_DEFAULT = Capacities(), Policy()
