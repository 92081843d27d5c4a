"""Making a copy of a cell's database own nothing, before a process of the copy sees it.

`python -m control_plane.provision.backups.sealing CELL URL` does it once for a database that was another's: on Kubernetes, where an
operator brings a database back from its archive, each pod of the new cell asks for it before it starts.
"""

import asyncio
import sys

import asyncpg

from control_plane.provision.errors import ProvisionError

CONNECT_S_MAX = 10.0
SEAL_S_MAX = 300.0
LOCK = 0x5345414C
USAGE = "usage: python -m control_plane.provision.backups.sealing CELL postgresql://OWNER:PASSWORD@HOST:PORT/DATABASE"
SUBSCRIPTIONS = "SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
# What had moved away stays so: it says where to.
SEAL = "UPDATE tenancy SET state = 'incoming', moved_to = '' WHERE state <> 'moved'"
# A database's comment is in its backups, so a copy says whose it was until it is said to be somebody else's.
COMMENT = "SELECT format('COMMENT ON DATABASE %I IS %L', current_database(), $1::text)"
WHOSE = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"


async def seal(connection: asyncpg.Connection) -> None:
    """No workspace is served from it until it is opened there, and no stream of a move that the original had is taken up."""
    for row in await connection.fetch(SUBSCRIPTIONS):
        await _forget_subscription(connection, row["subname"])
    for row in await connection.fetch("SELECT pubname FROM pg_publication"):
        await connection.execute(f'DROP PUBLICATION "{row["pubname"]}"')
    await connection.execute(SEAL)


async def seal_once(cell: str, url: str) -> bool:
    """Seal it as `cell`'s; False where that was done before. Many may ask at once. Raises ProvisionError."""
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_S_MAX, command_timeout=SEAL_S_MAX)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
                mine = f"waggle cell {cell}"
                if await connection.fetchval(WHOSE) == mine:
                    return False
                await seal(connection)
                await connection.execute(await connection.fetchval(COMMENT, mine))
            return True
        finally:
            await connection.close(timeout=CONNECT_S_MAX)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ProvisionError(f"the restored database could not be sealed: {error or type(error).__name__}") from None


async def _forget_subscription(connection: asyncpg.Connection, name: str) -> None:
    """Without a word to the publisher: its slot belongs to the original."""
    await connection.execute(f'ALTER SUBSCRIPTION "{name}" DISABLE')
    await connection.execute(f'ALTER SUBSCRIPTION "{name}" SET (slot_name = NONE)')
    await connection.execute(f'DROP SUBSCRIPTION "{name}"')


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    try:
        fresh = asyncio.run(seal_once(*arguments))
    except ProvisionError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{arguments[0]} {'sealed' if fresh else 'was sealed before'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
