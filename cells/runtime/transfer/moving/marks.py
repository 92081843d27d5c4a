"""What is left of a move's marks when it is over: one that is closed, so that an order of it which comes late freezes nobody."""

from cells.runtime.transfer.moving.names import MARKS
from cells.runtime.transfer.moving.owner import Owner
from cells.runtime.transfer.ownership import CLOSED
from chassis.identity import WorkspaceId

KEPT_DAYS = 1
"""An order's deadline is some seconds."""

_CLOSE = """
INSERT INTO cursors (workspace_id, name, seq) SELECT workspace_id, $2, $3 FROM tenancy
WHERE workspace_id = $1 AND state IN ('active', 'frozen', 'suspended')
ON CONFLICT (workspace_id, name) DO UPDATE SET seq = excluded.seq, updated_at = now()
"""


async def close_marks(connection: Owner, workspace_id: WorkspaceId, mark: str) -> None:
    """The move's marks go, but where the workspace is at home, and could be frozen, one stays for a day; elsewhere none."""
    gone = "DELETE FROM cursors WHERE workspace_id = $1 AND starts_with(name, $2)"
    old = f"{gone} AND seq >= $3 AND updated_at < now() - make_interval(days => $4)"
    async with connection.transaction():
        await connection.execute(gone, workspace_id, mark)
        await connection.execute(_CLOSE, workspace_id, mark, CLOSED)
        await connection.execute(old, workspace_id, MARKS, CLOSED, KEPT_DAYS)
