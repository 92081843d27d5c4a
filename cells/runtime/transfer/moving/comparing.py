"""Whether two databases hold the same rows of a workspace: counted and hashed in parts; what differs is named by table and key."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import asyncpg
from sqlalchemy import Table

from cells.runtime.transfer.moving.keyset import (
    Part,
    among,
    among_arguments,
    key_shown,
    next_part,
    row_hash,
    sizes_up_to,
    with_rows,
)
from cells.runtime.transfer.moving.owner import Owner
from cells.runtime.transfer.moving.pacing import Pace, Portion
from cells.runtime.transfer.moving.travelling import Key, quoted
from chassis.identity import WorkspaceId

SMALL_ROWS_MAX = 2_000
PART_ROWS_MAX = 50_000
KEYS_A_STATEMENT_MAX = 5_000
DIFFERENCES_MAX = 100_000
Rows: TypeAlias = "list[asyncpg.Record]"


@dataclass
class Compared:
    """How far a comparison is, and what it found."""

    rows: int = 0
    differs: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two connections that see the same moment, or a workspace that stands still."""

    original: Owner
    copy: Owner
    workspace_id: WorkspaceId
    found: Compared
    pace: Pace = field(default_factory=Pace)

    async def whole(self, tables: Sequence[Table], sizes: Mapping[str, int] | None = None) -> None:
        """Every row of every table. `sizes`: of the original at this moment, where they are known (counted to SMALL_ROWS_MAX + 1)."""
        self.pace.begin()
        sizes = sizes or await sizes_up_to(self.original, tables, self.workspace_id, SMALL_ROWS_MAX)
        there = await with_rows(self.copy, [table for table in tables if not sizes[table.name]], self.workspace_id)
        await self._small([table for table in tables if 0 < sizes[table.name] <= SMALL_ROWS_MAX] + there)
        await self.pace.breathe()
        for table in tables:
            if sizes[table.name] > SMALL_ROWS_MAX:
                await self._in_parts(table)

    async def of_keys(self, tables: Sequence[Table], keys: Collection[tuple[str, Key]]) -> None:
        """Rows with these keys, there or not. All tables in one statement: people may be waiting."""
        named, ordered = {table.name: table for table in tables}, sorted(keys)
        for start in range(0, len(ordered), KEYS_A_STATEMENT_MAX):
            wanted: dict[str, list[Key]] = {}
            for name, key in ordered[start : start + KEYS_A_STATEMENT_MAX]:
                wanted.setdefault(name, []).append(key)
            await self._some({named[name]: found for name, found in wanted.items()})

    async def _small(self, tables: Sequence[Table]) -> None:
        parts = {table.name: Part(table) for table in tables}
        if not parts:
            return
        query = " UNION ALL ".join(_digest(part) for part in parts.values())
        ours, theirs = map(_by_name, await self._both(query, self.workspace_id, None, None))
        self.found.rows += sum(row["rows"] for row in ours)
        for our, their in zip(ours, theirs, strict=True):
            if our != their:
                await self._name(parts[our["name"]])

    async def _in_parts(self, table: Table) -> None:
        """The copy says where parts end: it lies in the order of its keys. At full speed it does so while the original is still reading."""
        portion = Portion(self.pace)
        part = await self._next(table, None, portion)
        while True:
            ours, theirs, behind = await self._digested_by_both(part, portion)
            self.found.rows += ours[0]["rows"]
            if ours != theirs:
                await self._name(part)
            if part.last is None:
                return
            await portion.done(ours[0]["rows"])
            part = behind or await self._next(table, part.last, portion)

    async def _digested_by_both(self, part: Part, portion: Portion) -> tuple[Rows, Rows, Part | None]:
        """Beside people one after the other: cells of one machine would take two of its cores at the same time."""
        if self.pace.speed < 1.0:
            return await self._digested(self.original, part), await self._digested(self.copy, part), None
        async with asyncio.TaskGroup() as both:
            reading = both.create_task(self._digested(self.original, part))
            following = both.create_task(self._digested_and_next(part, portion))
        return reading.result(), *following.result()

    async def _digested(self, side: Owner, part: Part) -> Rows:
        return await side.fetch(_digest(part), *part.arguments(self.workspace_id))

    async def _digested_and_next(self, part: Part, portion: Portion) -> tuple[Rows, Part | None]:
        found = await self._digested(self.copy, part)
        return found, await self._next(part.table, part.last, portion) if part.last is not None else None

    async def _next(self, table: Table, after: Key | None, portion: Portion) -> Part:
        """Whatever the copy has lost or has too many, the first part has no beginning and the last no end."""
        return await next_part(self.copy, table, self.workspace_id, after, portion.of(PART_ROWS_MAX))

    async def _name(self, part: Part) -> None:
        """What differs is looked at once more, row by row."""
        listed = f"SELECT {key_shown(part.table)} AS key, {row_hash(part.table)} AS hash FROM {quoted(part.table)} WHERE {part.where}"
        ours, theirs = await self._both(f"{listed} LIMIT {DIFFERENCES_MAX}", *part.arguments(self.workspace_id))
        if not self._note(part.table, ours, theirs):
            self.found.differs.append(f"{part.table.name} (beyond the first {DIFFERENCES_MAX} rows of a part)")

    async def _some(self, wanted: Mapping[Table, Sequence[Key]]) -> None:
        """All tables at once, a line each: to take every row's hash over the wire would take longer than to make them."""
        ours, theirs = await self._asked("count(*) AS rows, coalesce(sum({hash}), 0) AS hash", wanted)
        differ = {our["name"] for our, their in zip(_by_name(ours), _by_name(theirs), strict=True) if our != their}
        self.found.rows += sum(map(len, wanted.values()))
        for table in (table for table in wanted if table.name in differ):
            if not self._note(table, *await self._asked("{key} AS key, {hash} AS hash", {table: wanted[table]})):
                self.found.differs.append(f"{table.name} (as it was a moment ago)")

    async def _asked(self, what: str, wanted: Mapping[Table, Sequence[Key]]) -> tuple[Rows, Rows]:
        """Of the rows with these keys; `what` may say {key} and {hash}."""
        arguments: list[object] = [self.workspace_id]
        listed: list[str] = []
        for table, keys in wanted.items():
            asked, where = what.format(key=key_shown(table), hash=row_hash(table)), among(table, len(arguments) + 1)
            listed.append(f"SELECT '{table.name}' AS name, {asked} FROM {quoted(table)} WHERE workspace_id = $1 AND {where}")
            arguments += among_arguments(keys)
        return await self._both(" UNION ALL ".join(listed), *arguments)

    def _note(self, table: Table, ours: Rows, theirs: Rows) -> bool:
        """Whether there is a difference."""
        one, other = ({(tuple(row["key"]), row["hash"]) for row in rows} for rows in (ours, theirs))
        keys = sorted({key for key, _ in one ^ other})
        if keys:
            self.found.differs.append(f"{table.name} ({_shown(keys)})")
        return bool(keys)

    async def _both(self, query: str, *arguments: object) -> tuple[Rows, Rows]:
        async with asyncio.TaskGroup() as both:
            ours, theirs = (both.create_task(side.fetch(query, *arguments)) for side in (self.original, self.copy))
        return ours.result(), theirs.result()


def _by_name(rows: Rows) -> Rows:
    """In an order of our own: a parallel plan on one side gives the same rows in another."""
    return sorted(rows, key=lambda row: str(row["name"]))


def _digest(part: Part) -> str:
    return (
        f"SELECT '{part.table.name}' AS name, count(*) AS rows, coalesce(sum({row_hash(part.table)}), 0) AS hash"
        f" FROM {quoted(part.table)} WHERE {part.where}"
    )


def _shown(keys: Sequence[Key]) -> str:
    first, last = ("/".join(key) or "its only row" for key in (keys[0], keys[-1]))
    return f"1 row: {first}" if len(keys) == 1 else f"{len(keys)} rows: {first} to {last}"
