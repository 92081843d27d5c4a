"""What a message leaves behind: bytes of the cell's database and of its WAL, with the log, the search words and every index."""

import asyncpg
import psutil

from bench.load import closed_loop, posts
from bench.report import Report
from bench.setting import Setting

CLIENTS, SECONDS = 16, 60.0
TEXT = "is anybody looking at the checkout page, it is slow for me since this morning, number"
"""Of the length that people write: 80 to 100 characters."""
LARGEST = """
SELECT coalesce(inhparent::regclass, oid::regclass)::text AS name, sum(pg_total_relation_size(oid))::bigint AS bytes
FROM pg_class LEFT JOIN pg_inherits ON inhrelid = oid WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace
GROUP BY 1 ORDER BY 2 DESC LIMIT 6
"""


async def measure(setting: Setting, report: Report) -> None:
    channels = [setting.channel(f"bench-storage-{number}") for number in range(8)]
    url = psutil.Process(setting.pids()["cell"]).environ()["WAGGLE_CELL_OWNER_DATABASE_URL"]
    connection = await asyncpg.connect(url)
    try:
        before = await _taken(connection)
        tally = await closed_loop("127.0.0.1", setting.port, CLIENTS, SECONDS, posts(setting.host, setting.owner, channels, TEXT))
        count = max(1, len(tally.latencies_s))
        after = await _taken(connection)
        largest = ", ".join(f"{row['name']} {row['bytes'] / 2**20:.1f} MiB" for row in await connection.fetch(LARGEST))
    finally:
        await connection.close()
    report.add("messages posted", count, "", detail=tally.first_failure)
    report.add("database a message", (after[0] - before[0]) / count, "bytes", detail=largest)
    report.add("WAL a message", (after[1] - before[1]) / count, "bytes")


async def _taken(connection: "asyncpg.Connection[asyncpg.Record]") -> tuple[int, int]:
    """(bytes of the database, bytes of WAL since the cluster was made), once everything is on disk."""
    await connection.execute("CHECKPOINT")
    row = await connection.fetchrow("SELECT pg_database_size(current_database()), pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    assert row is not None
    return int(row[0]), int(row[1])
