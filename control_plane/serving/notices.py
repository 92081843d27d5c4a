"""What cell processes want their operators to know: said with each heartbeat, kept in memory, forgotten with the process."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis.identity import CellName, ProcessId

KEPT_S = 30.0
"""After a process' last word; it speaks every 2 s."""
NOTICES_MAX, CHARACTERS_MAX, PROCESSES_MAX = 10, 200, 10_000


@dataclass
class Notices:
    _said: dict[tuple[CellName, ProcessId], tuple[float, tuple[str, ...]]] = field(default_factory=dict)

    def note(self, cell: CellName, process_id: ProcessId, notices: Sequence[str]) -> None:
        """What it says now; nothing takes back what it said before."""
        key = (cell, process_id)
        if not notices:
            self._said.pop(key, None)
        elif key in self._said or len(self._said) < PROCESSES_MAX:
            self._said[key] = time.monotonic(), tuple(notice[:CHARACTERS_MAX] for notice in notices[:NOTICES_MAX])

    def of(self, cell: CellName, process_id: ProcessId) -> tuple[str, ...]:
        said_s, notices = self._said.get((cell, process_id), (0.0, ()))
        return notices if time.monotonic() - said_s < KEPT_S else ()
