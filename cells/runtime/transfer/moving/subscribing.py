"""Slots and the subscriptions that read them."""

from cells.runtime.transfer.moving.cutting import reading
from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.names import stream_of
from cells.runtime.transfer.moving.owner import Owner, OwnerDatabase

SLOT_S_MAX = 10.0


async def is_following(connection: Owner, move_id: str) -> bool:
    """Whether the subscription is there; it is made last, so it says that the copy is whole."""
    mine = "SELECT 1 FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid AND d.datname = current_database() WHERE subname = $1"
    return bool(await connection.fetchval(mine, stream_of(move_id)))


async def make_slot(source: str, slot: str) -> None:
    """A fresh slot. It waits for every transaction open in that database; past the bound the longest is named."""
    async with reading(source) as connection:
        await make_slot_by(connection, source, slot)


async def make_slot_by(connection: Owner, source: str, slot: str) -> None:
    """The same by a connection to `source` that is there already."""
    there = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active"
    await connection.execute(there, slot)
    try:
        await connection.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput', failover => true)", slot, timeout=SLOT_S_MAX)
    except TimeoutError:
        raise CannotMove(f"no replication slot within {SLOT_S_MAX:.0f} s; waits for {await _oldest(source)}") from None


async def _oldest(source: str) -> str:
    """By who holds a transaction's lock, which every role may see; how old it is and whose may be hidden from this one."""
    writing = (
        "SELECT l.pid, a.application_name, extract(epoch FROM now() - a.xact_start)::int AS age_s"
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid()"
        " ORDER BY a.xact_start NULLS LAST, l.pid LIMIT 1"
    )
    async with reading(source) as connection:
        row = await connection.fetchrow(writing)
    if row is None:
        return "a transaction that has ended"
    age = "" if row["age_s"] is None else f", open for {row['age_s']} s"
    return f"pid {row['pid']} ({row['application_name'] or 'unnamed'}{age})"


async def is_kept(reader: Owner, slot: str) -> bool:
    """Whether the slot is there and keeps what comes after its position."""
    whole = "SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database() AND wal_status <> 'lost'"
    return bool(await reader.fetchval(whole, slot))


async def subscribe(target: Owner, move_id: str, source: str, slot: str) -> None:
    """Follow `slot`. `origin = none` passes over what came to the publisher by a subscription, so the two ways make no circle;
    `failover` keeps the slot on the publisher's standbys too, where it has some."""
    name = stream_of(move_id)
    if not await is_following(target, move_id):
        options = f"create_slot = false, slot_name = '{slot}', copy_data = false, origin = none, streaming = parallel, failover = true"
        await target.execute(f"CREATE SUBSCRIPTION {name} CONNECTION '{source}' PUBLICATION {name} WITH ({options})")


async def unsubscribe(database: OwnerDatabase, move_id: str) -> None:
    """This side alone: the slot is the publisher's to drop, so a publisher that is away holds nothing up."""
    name = stream_of(move_id)
    async with database.connected() as connection:
        if await is_following(connection, move_id):
            await connection.execute(f"ALTER SUBSCRIPTION {name} DISABLE")
            await connection.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
            await connection.execute(f"DROP SUBSCRIPTION {name}")
