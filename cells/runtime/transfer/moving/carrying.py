"""Rows from one database into another by COPY: bytes go through as they are."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

from sqlalchemy import Table

from cells.runtime.transfer.moving.owner import Owner
from cells.runtime.transfer.moving.travelling import by_name, columns, quoted

QUEUE_CHUNKS_MAX = 64


async def nothing(size: int) -> None:
    """Nobody asked to be told."""


async def nothing_more() -> None:
    """The reader rests when it is through."""


async def carry(
    reader: Owner,
    target: Owner,
    table: Table,
    where: str,
    *arguments: object,
    told: Callable[[int], Awaitable[None]] = nothing,
    then: Callable[[], Awaitable[None]] = nothing_more,
) -> int:
    """How many rows of `reader` went to `target`. A full queue holds the reader back; `told` hears of each chunk's bytes.

    `then` is what the reader does once it is through, while the target still takes in the rest.
    """
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_CHUNKS_MAX)

    async def put(data: bytes) -> None:
        await told(len(data))
        await chunks.put(data)

    async def read() -> None:
        try:
            query = f"SELECT {columns(table)} FROM {quoted(table)} WHERE {inlined(where, *arguments)}"
            await reader.copy_from_query(query, output=put, format="binary")
        finally:
            await chunks.put(None)
        await then()

    async def given() -> AsyncIterator[bytes]:
        while (chunk := await chunks.get()) is not None:
            yield chunk

    async with asyncio.TaskGroup() as both, target.transaction():
        reading = both.create_task(read())
        names = [column.name for column in by_name(table)]
        done = await target.copy_to_table(table.name, source=given(), columns=names, format="binary")
        await reading  # a copy whose reading failed half way is rolled back
    return int(done.rpartition(" ")[2])


def inlined(where: str, *arguments: object) -> str:
    """COPY takes no parameters; asking the server to quote them would cost a part two round trips more."""
    return re.sub(r"\$(\d+)", lambda found: _literal(arguments[int(found[1]) - 1]), where)


def _literal(value: object) -> str:
    """Of a text, a list of texts, or NULL. Raises TypeError for anything else."""
    match value:
        case None:
            return "NULL"
        case str():
            doubled = value.replace("'", "''").replace("\\", "\\\\")
            return f"E'{doubled}'"
        case list():
            return f"ARRAY[{', '.join(map(_literal, value))}]::text[]"
    raise TypeError(f"cannot be quoted: {value!r}")
