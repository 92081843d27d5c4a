"""What the slots of moves keep in this cell. A slot that nobody reads keeps WAL until the disk is full, or PostgreSQL gives it up."""

from dataclasses import dataclass

from cells.runtime.transfer.moving.names import PREFIX
from cells.runtime.transfer.moving.owner import OwnerDatabase

_SLOTS = """
SELECT slot_name, active, coalesce(wal_status = 'lost', false) AS lost,
  greatest(coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0), 0)::bigint AS wal_bytes
FROM pg_replication_slots WHERE starts_with(slot_name, $1) AND database = current_database() ORDER BY slot_name
"""


@dataclass(frozen=True, slots=True)
class SlotKeeps:
    name: str
    wal_bytes: int
    active: bool
    lost: bool
    """Its WAL is gone (`max_slot_wal_keep_size`): nobody can read on."""


async def slots_of_moves(database: OwnerDatabase) -> list[SlotKeeps]:
    async with database.connected() as connection:
        rows = await connection.fetch(_SLOTS, PREFIX)
    return [SlotKeeps(row["slot_name"], row["wal_bytes"], row["active"], row["lost"]) for row in rows]
