"""Stopping a move at an edge of a step, so that tests can kill a real process exactly there. On only where it was asked for."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.01
PAUSE_S_MAX = 120.0


@dataclass(frozen=True, slots=True)
class PauseFolder:
    """At a point (`copy.before`, `sealed`) whose file is in the folder: says so by `POINT.reached`, and waits until that file is gone.

    A folder and no variable of its own for each point: a control plane that was killed and started again finds what is asked for now.
    """

    folder: Path

    async def __call__(self, point: str) -> None:
        """Goes on after `PAUSE_S_MAX` whatever the folder says."""
        for _ in range(int(PAUSE_S_MAX / POLL_S)):
            if not self._is_asked(point):
                return
            await asyncio.sleep(POLL_S)

    def _is_asked(self, point: str) -> bool:
        asked = (self.folder / point).exists()
        if asked:
            (self.folder / f"{point}.reached").touch()
        return asked
