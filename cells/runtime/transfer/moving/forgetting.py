"""What a workload keeps of a workspace beside the database goes after the workspace's rows have gone."""

import asyncio
from dataclasses import dataclass, field

import structlog

from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.workload import Forget
from chassis.clock import Clock
from chassis.identity import WorkspaceId

PART_S_MAX = 10.0
PATIENCE_S = 60.0
"""How long what does not answer may keep a move from ending. It can be made anew from rows, so it is not worth more."""
WAITED_FOR_MAX = 1_000


@dataclass
class Forgetting:
    forget: Forget
    clock: Clock
    _failing_since_s: dict[WorkspaceId, float] = field(default_factory=dict)

    async def part(self, workspace_id: WorkspaceId) -> int:
        """Forget a part; how much, 0 when nothing is left, or when it is left behind because patience is over (a line in the log
        says so). Raises CannotMove until then.
        """
        try:
            async with asyncio.timeout(PART_S_MAX):
                forgotten = await self.forget(workspace_id)
        except Exception as error:  # noqa: BLE001 - whatever it was: rows are gone, and nobody is served by what is left
            self._on_failure(workspace_id, f"{type(error).__name__}: {error}"[:200])
            return 0
        self._failing_since_s.pop(workspace_id, None)
        return forgotten

    def _on_failure(self, workspace_id: WorkspaceId, problem: str) -> None:
        if workspace_id not in self._failing_since_s and len(self._failing_since_s) >= WAITED_FOR_MAX:
            del self._failing_since_s[next(iter(self._failing_since_s))]
        now_s = self.clock.monotonic_s()
        if now_s - self._failing_since_s.setdefault(workspace_id, now_s) < PATIENCE_S:
            raise CannotMove(f"rows are gone, but what is kept beside them is not: {problem}")
        structlog.get_logger("transfer").error("left behind beside the database", workspace_id=workspace_id, problem=problem)
