"""How fast a copy goes: it rests in proportion to what it just did, so that its neighbours have the rest of the time."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

SPEED_LEAST = 0.05
SLICE_S = 0.005
"""Work between two rests, at least."""
REST_S_MAX = 2.0
"""Of one rest: a copy that is told to go faster does so within this."""
PORTION_S = 0.010
"""Of one statement beside people: a neighbour's request waits behind no more than about this much."""
PORTION_ROWS_FIRST, PORTION_ROWS_LEAST = 200, 50
GROWTH_MAX = 2.0
YIELD_S, YIELD_S_MAX = 0.002, 0.05


def nobody() -> int:
    """Is served."""
    return 0


@dataclass(slots=True)
class Pace:
    """Of one copy in this process; the control plane says it anew with every question after the copy."""

    speed: float = 1.0
    """Share of full speed, above 0 to 1."""
    _since_s: float = field(default_factory=time.monotonic)
    served: Callable[[], int] = nobody
    """How many people's requests this process works on now."""

    def set(self, speed: float) -> None:
        """0: full speed, as an older control plane says it."""
        self.speed = min(1.0, max(SPEED_LEAST, speed)) if speed > 0 else 1.0

    @property
    def worked_s(self) -> float:
        """Since the last rest."""
        return time.monotonic() - self._since_s

    def begin(self) -> None:
        """Work begins here: what was before was a wait."""
        self._since_s = time.monotonic()

    async def breathe(self) -> None:
        """Call it between small pieces of work, as often as convenient; at full speed with nobody there it does not even yield."""
        worked_s = self.worked_s
        if worked_s < SLICE_S:
            return
        if self.speed < 1.0:
            await asyncio.sleep(min(worked_s * (1.0 / self.speed - 1.0), REST_S_MAX))
        await self._let_pass(min(worked_s, YIELD_S_MAX))
        self._since_s = time.monotonic()

    async def _let_pass(self, most_s: float) -> None:
        """People first: whom this process serves is answered before it goes on. Where always somebody is, that takes half the time."""
        for _ in range(int(most_s / YIELD_S)):
            if not self.served():
                return
            await asyncio.sleep(YIELD_S)


@dataclass(slots=True)
class Portion:
    """How many rows of a table one statement takes: beside people as many as take `PORTION_S`, which is found by doing.

    Rows differ: of an index of words a hundred are as much work as two thousand of another table.
    """

    pace: Pace
    rows: int = PORTION_ROWS_FIRST

    def of(self, most: int) -> int:
        """At full speed as many as are asked for."""
        return most if self.pace.speed >= 1.0 else min(most, self.rows)

    async def done(self, rows: int) -> None:
        """So many were taken since the last rest, and all of that work is over."""
        grown = rows * min(PORTION_S / max(self.pace.worked_s, 1e-6), GROWTH_MAX)
        self.rows = max(PORTION_ROWS_LEAST, int(grown))
        await self.pace.breathe()
