"""Count and order-independent hash of a workspace's rows, by bucket of their key, so that two cells can be compared."""

from dataclasses import dataclass

from sqlalchemy import Table

from cells.runtime.transfer.moving.owner import Owner
from cells.runtime.transfer.moving.travelling import columns, quoted
from chassis.identity import WorkspaceId

BUCKETS = 64
MARKS = "move:%"


@dataclass(frozen=True, slots=True)
class Bucket:
    table: str
    bucket: int
    rows: int
    hash: str


async def digest(connection: Owner, tables: tuple[Table, ...], workspace_id: WorkspaceId, buckets: tuple[int, ...]) -> list[Bucket]:
    """Buckets that have rows, of `buckets` (none given: of all). Marks of moves do not count."""
    if not tables:
        return []
    query = " UNION ALL ".join(map(_query, tables))
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")  # planning all tables takes longer than reading few rows
        rows = await connection.fetch(query, workspace_id, list(buckets) or list(range(BUCKETS)))
    return [Bucket(row["name"], row["bucket"], row["rows"], str(row["hash"])) for row in rows]


def _query(table: Table) -> str:
    key = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    unmarked = f"AND name NOT LIKE '{MARKS}'" if table.name == "cursors" else ""
    return (
        f"SELECT '{table.name}' AS name, bucket, count(*) AS rows, sum(hash::numeric) AS hash FROM ("
        f"SELECT mod(hashtextextended(ROW({key})::text, 0) & 4294967295, {BUCKETS})::int AS bucket,"
        f" hashtextextended(ROW({columns(table)})::text, 1) AS hash"
        f" FROM {quoted(table)} WHERE workspace_id = $1 {unmarked}) AS hashed"
        " WHERE bucket = ANY ($2::int[]) GROUP BY bucket"
    )
