"""How fast a copy goes: it rests in proportion to what it just did, so that its neighbours have the rest of the time."""

import asyncio
import time
from dataclasses import dataclass, field

SPEED_LEAST = 0.05
SLICE_S = 0.02
"""Work between two rests, at least: a neighbour's request waits behind no more than about this much copying."""
REST_S_MAX = 2.0
"""Of one rest: a copy that is told to go faster does so within this."""


@dataclass(slots=True)
class Pace:
    """Of one copy in this process; the control plane says it anew with every question after the copy."""

    speed: float = 1.0
    """Share of full speed, above 0 to 1."""
    _since_s: float = field(default_factory=time.monotonic)

    def set(self, speed: float) -> None:
        """0: full speed, as an older control plane says it."""
        self.speed = min(1.0, max(SPEED_LEAST, speed)) if speed > 0 else 1.0

    async def breathe(self) -> None:
        """Call it between small pieces of work, as often as convenient; at full speed it does not even yield."""
        worked_s = time.monotonic() - self._since_s
        if worked_s < SLICE_S:
            return
        if self.speed < 1.0:
            await asyncio.sleep(min(worked_s * (1.0 / self.speed - 1.0), REST_S_MAX))
        self._since_s = time.monotonic()
