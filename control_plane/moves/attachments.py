"""What a move does with bytes outside the databases: bring them before the decision, clear them after the window."""

from typing import Protocol

from control_plane.moves.outcomes import StepRefused
from control_plane.registry import Cell

WAIT_MS = 1_000
REST_ROUNDS_MAX = 3
"""While people wait: what is left by then is what was put up in the last moments."""


class Attachments(Protocol):
    async def bring(self, workspace_id: str, giver: Cell, taker: Cell, wait_ms: int) -> bool:
        """Whether everything that lay with the giver when this was said lies with the taker; may be said again, and goes on then."""

    async def clear(self, workspace_id: str, cell: Cell, home: Cell) -> bool:
        """Remove a part of what lies in `cell` of a workspace at home in `home`; whether nothing is left."""


class NoAttachments:
    """For fleets whose workloads keep all they have in the database."""

    async def bring(self, workspace_id: str, giver: Cell, taker: Cell, wait_ms: int) -> bool:  # noqa: ARG002
        return True

    async def clear(self, workspace_id: str, cell: Cell, home: Cell) -> bool:  # noqa: ARG002
        return True


async def bring_rest(attachments: Attachments, workspace_id: str, giver: Cell, taker: Cell) -> None:
    """The giver is sealed, so this is the last of it. Raises StepRefused where it takes too long."""
    for _ in range(REST_ROUNDS_MAX):
        if await attachments.bring(workspace_id, giver, taker, WAIT_MS):
            return
    raise StepRefused(f"the last files did not reach {taker.name} within {REST_ROUNDS_MAX * WAIT_MS} ms")
