"""How the cell's database keeps: what vacuum has left, how far transaction ids are from their end, how partitions stand."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from cells.runtime.tenancy import Database

LARGEST_MAX = 10
XIDS_MAX = 2**31 - 3_000_000
"""PostgreSQL stops handing out ids that many after the oldest row that is not frozen."""
NEVER = -1.0


@dataclass(frozen=True, slots=True)
class TableFigures:
    """Rows are estimates; partitions count as their table."""

    table: str
    live_rows: int
    dead_rows: int
    table_bytes: int
    index_bytes: int
    vacuumed_age_s: float
    """Since the last vacuum of any part of it; below 0: never."""


@dataclass(frozen=True, slots=True)
class PartitionFigures:
    table: str
    count: int
    ahead_days: float
    behind_days: float
    default_rows: int


@dataclass(frozen=True, slots=True)
class Figures:
    tables: tuple[TableFigures, ...]
    """The largest first, all of them."""
    partitions: tuple[PartitionFigures, ...]
    xmin_age: int
    xmin_holder: str
    """Who keeps vacuum from what is older: a backend, a slot, a prepared transaction; empty: nobody."""
    frozen_age: int

    @property
    def wraparound_left(self) -> int:
        return max(0, XIDS_MAX - self.frozen_age)

    @property
    def total(self) -> TableFigures:
        """Of all; vacuumed when the largest was."""
        return TableFigures(
            table="",
            live_rows=sum(table.live_rows for table in self.tables),
            dead_rows=sum(table.dead_rows for table in self.tables),
            table_bytes=sum(table.table_bytes for table in self.tables),
            index_bytes=sum(table.index_bytes for table in self.tables),
            vacuumed_age_s=self.tables[0].vacuumed_age_s if self.tables else NEVER,
        )


async def measure_upkeep(database: Database, partitioned: Sequence[str]) -> Figures:
    """Looks at every file's size: not for every heartbeat."""
    async with database.upkeep() as connection:
        tables = tuple(TableFigures(*row) for row in await connection.execute(_TABLES))
        oldest = (await connection.execute(_XMIN)).one_or_none()
        frozen_age = int((await connection.execute(_FROZEN)).scalar_one())
        partitions = [(await connection.execute(_PARTITIONS, {"table": table})).one() for table in partitioned]
    each = tuple(PartitionFigures(table, *row) for table, row in zip(partitioned, partitions, strict=True))
    return Figures(tables, each, int(oldest.age) if oldest else 0, oldest.holder if oldest else "", frozen_age)


_TABLES = text(
    "SELECT coalesce(i.inhparent, c.oid)::regclass::text, sum(s.n_live_tup)::bigint, sum(s.n_dead_tup)::bigint,"
    " sum(pg_table_size(c.oid))::bigint, sum(pg_indexes_size(c.oid))::bigint,"
    " coalesce(extract(epoch FROM clock_timestamp() - max(greatest(s.last_vacuum, s.last_autovacuum)))::float, -1)"
    " FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
    " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1 ORDER BY sum(pg_total_relation_size(c.oid)) DESC, 1"
)
_XMIN = text(
    "SELECT holder, age FROM (SELECT format('%s, pid %s', coalesce(nullif(application_name, ''), backend_type), pid) AS holder,"
    " age(backend_xmin) AS age FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()"
    " UNION ALL SELECT 'slot ' || slot_name, greatest(age(xmin), age(catalog_xmin)) FROM pg_replication_slots"
    " UNION ALL SELECT 'prepared transaction ' || gid, age(transaction) FROM pg_prepared_xacts) AS each"
    " WHERE age IS NOT NULL ORDER BY age DESC LIMIT 1"
)
_FROZEN = text("SELECT max(age(datfrozenxid)) FROM pg_database")
_PARTITIONS = text(
    "SELECT count(p.name)::int, coalesce(greatest(0, max(p.to_us) / 1e6 - extract(epoch FROM now())) / 86400, 0)::float AS ahead,"
    " coalesce(greatest(0, extract(epoch FROM now()) - min(p.from_us) / 1e6) / 86400, 0)::float AS behind,"
    " (SELECT coalesce(sum(s.n_live_tup), 0)::bigint FROM pg_stat_user_tables s WHERE s.relname = :table || '_default')"
    " FROM partitions_of(:table) p"
)
