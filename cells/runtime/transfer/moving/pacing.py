"""How fast a copy goes: it rests in proportion to what it just did, so that its neighbours have the rest of the time."""

import asyncio
from dataclasses import dataclass

SPEED_LEAST = 0.05
REST_S_MAX = 2.0
"""Of one rest: a copy that is told to go faster does so within this."""


@dataclass(slots=True)
class Pace:
    """Of one copy in this process; the control plane says it anew with every question after the copy."""

    speed: float = 1.0
    """Share of full speed, above 0 to 1."""

    def set(self, speed: float) -> None:
        """0: full speed, as an older control plane says it."""
        self.speed = min(1.0, max(SPEED_LEAST, speed)) if speed > 0 else 1.0

    async def rest(self, worked_s: float) -> None:
        """After `worked_s` of copying: so long that work is `speed` of the time. At full speed it does not even yield."""
        if self.speed < 1.0:
            await asyncio.sleep(min(worked_s * (1.0 / self.speed - 1.0), REST_S_MAX))
