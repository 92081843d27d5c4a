"""What a piece of work may touch: one workspace, as owned at one epoch."""

import re
from dataclasses import dataclass

from chassis.identity import WorkspaceId

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class TenantScope:
    workspace_id: WorkspaceId
    epoch: int

    def __post_init__(self) -> None:
        if not _SAFE.fullmatch(self.workspace_id):
            raise ValueError(f"not a workspace id: {self.workspace_id!r}")
