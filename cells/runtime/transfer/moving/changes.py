"""Which rows of a workspace were changed in one database, from a moment on: what a proof has to look at again.

Told by the database's own log, so no writer can pass it by, and no trigger slows a writer down.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from sqlalchemy import Table

from cells.runtime.log.tables import cursors
from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.names import MARKS
from cells.runtime.transfer.moving.pgoutput import Decoder, Touched
from cells.runtime.transfer.moving.travelling import Key, key_columns
from cells.runtime.transfer.moving.wire import Following, connect_to_follow

KEYS_MAX = 500_000
SLOT_S_MAX = 10.0


@dataclass
class Changes:
    """Keys of rows that were changed since this began, or since they were last taken."""

    keys_of: Mapping[str, tuple[str, ...]]
    stream: Following | None = None
    local: int = 0
    """How many rows were changed here by somebody, and not by a subscription."""
    counts: Counter[str] = field(default_factory=Counter)
    """How many rows were changed, by table; never begun anew."""
    _keys: set[tuple[str, Key]] = field(default_factory=set)
    _marks: dict[str, int] = field(default_factory=dict)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self._keys)

    def __call__(self, touched: Touched) -> None:
        row = touched.row
        if touched.table == cursors.name and str(row["name"]).startswith(MARKS):
            self._marks[str(row["name"])] = int(row["seq"] or 0)
            self._moved.set()
            return
        self.local += not touched.applied
        self.counts[touched.table] += 1
        key = tuple(row[name] or "" for name in self.keys_of[touched.table])
        self._keys.add((touched.table, key))
        if len(self._keys) > KEYS_MAX:
            raise CannotMove(f"more than {KEYS_MAX} rows were changed meanwhile")

    def take(self) -> set[tuple[str, Key]]:
        """What was collected so far, and begin anew."""
        self._keys, taken = set(), self._keys
        return taken

    def peek(self) -> frozenset[tuple[str, Key]]:
        return frozenset(self._keys)

    async def await_mark(self, name: str, number: int, timeout_s: float) -> None:
        """Until all that was committed before the mark was told here. Raises CannotMove."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._marks.get(name, -1) < number:
                    self.check()
                    self._moved.clear()
                    await self._either()
        except TimeoutError:
            raise CannotMove(f"mark {number} was not told within {timeout_s:.0f} s") from None

    def check(self) -> None:
        """Raises CannotMove where changes are not followed any more."""
        if self.stream is None or self.stream.ended.done():
            raise CannotMove(f"changes are not followed any more: {self.stream.ended.result() if self.stream else 'never were'}")

    async def _either(self) -> None:
        assert self.stream is not None
        moved = asyncio.ensure_future(self._moved.wait())
        either: set[asyncio.Future[Any]] = {moved, self.stream.ended}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            moved.cancel()


@asynccontextmanager
async def following(
    url: str, slot: str, publication: str, tables: tuple[Table, ...], *, copied_from: str = "", position: str = "0/0"
) -> AsyncIterator[Changes]:
    """Changes of what `publication` publishes, from now on at the latest; from `position` on where a slot kept them since.

    By a temporary slot, so whatever dies leaves nothing: a copy of slot `copied_from`, which waits for nobody, or one of its own,
    which waits for every transaction open in that database. Raises CannotMove and what asyncpg raises.
    """
    changes = Changes({table.name: tuple(column.name for column in key_columns(table)) for table in tables})
    connection = await connect_to_follow(url)
    mine = f"{slot}_{secrets.token_hex(2)}"
    try:
        made = f"pg_copy_logical_replication_slot('{copied_from}', '{mine}', true)"
        if not copied_from:
            made = f"pg_create_logical_replication_slot('{mine}', 'pgoutput', true)"
        await connection.execute(f"SELECT {made}", timeout=SLOT_S_MAX)
        changes.stream = Following(connection, Decoder(changes))
    except TimeoutError:
        raise CannotMove(f"no replication slot within {SLOT_S_MAX:.0f} s: a transaction stays open") from None
    finally:
        if changes.stream is None:
            connection.terminate()
    try:
        await changes.stream.start(mine, publication, position)
        yield changes
    finally:
        await changes.stream.close()


FOLLOWING_FAILURES = (CannotMove, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
