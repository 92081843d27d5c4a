"""What stands in the way of a move in one database, each in one line. Looking leaves nothing behind."""

from sqlalchemy import Table

from cells.runtime.transfer.moving.owner import Owner

SLOTS_NEEDED = 2
"""At either end: one for the stream that leaves it, one for the changes that the proof looks at again."""
OPEN_S_MAX = 5.0

_LEFT = {
    "replication slot": "SELECT current_setting('max_replication_slots')::int - count(*) FROM pg_replication_slots",
    "WAL sender": "SELECT current_setting('max_wal_senders')::int - count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'",
    "logical replication worker": "SELECT current_setting('max_logical_replication_workers')::int - count(*) FROM pg_stat_activity"
    " WHERE backend_type LIKE 'logical replication %worker'",
}
# A slot begins where no transaction that writes is open, in any database of the server; those that only read do not matter.
_OPEN = """
SELECT format('pid %s (%s)', pid, coalesce(nullif(application_name, ''), 'unnamed')) AS who,
  extract(epoch FROM now() - xact_start)::int AS age_s
FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND xact_start < now() - make_interval(secs => $1) AND pid <> pg_backend_pid()
UNION ALL SELECT format('prepared transaction %s', gid), extract(epoch FROM now() - prepared)::int
FROM pg_prepared_xacts WHERE prepared < now() - make_interval(secs => $1)
ORDER BY age_s DESC LIMIT 5
"""
_NAMELESS = """
SELECT c.relname FROM pg_class c WHERE c.relname = ANY ($1) AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
AND NOT (c.relreplident = 'f' OR (c.relreplident = 'd' AND EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)))
ORDER BY 1
"""


async def obstacles(connection: Owner, tables: tuple[Table, ...], open_s_max: float = OPEN_S_MAX) -> list[str]:
    found: list[str] = []
    if (level := await connection.fetchval("SHOW wal_level")) != "logical":
        found.append(f"wal_level is {level}; a move needs logical")
    for what, query in _LEFT.items():
        left = await connection.fetchval(query)
        if left < SLOTS_NEEDED:
            found.append(f"no {what} is left" if left < 1 else f"only {left} {what} is left; a move needs {SLOTS_NEEDED}")
    found += [f"{row['who']} has a transaction open for {row['age_s']} s" for row in await connection.fetch(_OPEN, open_s_max)]
    nameless = await connection.fetch(_NAMELESS, [table.name for table in tables])
    return found + [f"table {row['relname']} has no replica identity: neither a primary key nor FULL" for row in nameless]
