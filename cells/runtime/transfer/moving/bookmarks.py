"""How far a copy has come, in the taking cell's database: written with the rows it speaks of, so it is never ahead of them."""

import json
from dataclasses import dataclass, field

from cells.runtime.transfer.moving.owner import Owner
from cells.runtime.transfer.moving.travelling import Key

WHOLE: Key = ()
"""In place of a key: to the end of the table."""


@dataclass
class Bookmark:
    """Of one copy: everything up to `places` is here as it was at `position` of the giver's log."""

    move_id: str
    position: str = ""
    rows: int = 0
    places: dict[str, Key] = field(default_factory=dict)
    """By table; one that is not named has not been begun."""

    async def save(self, target: Owner) -> None:
        kept = json.dumps(self.places)
        again = "ON CONFLICT (move_id) DO UPDATE SET position = excluded.position, rows = excluded.rows, places = excluded.places"
        statement = f"INSERT INTO copies (move_id, position, rows, places) VALUES ($1, $2::text::pg_lsn, $3, $4::text::jsonb) {again}"
        await target.execute(statement, self.move_id, self.position, self.rows, kept)


async def read_bookmark(target: Owner, move_id: str) -> Bookmark | None:
    kept = await target.fetchrow("SELECT position::text, rows, places::text FROM copies WHERE move_id = $1", move_id)
    if kept is None:
        return None
    places = {table: tuple(key) for table, key in json.loads(kept["places"]).items()}
    return Bookmark(move_id, kept["position"], kept["rows"], places)


async def forget_bookmark(target: Owner, move_id: str) -> None:
    await target.execute("DELETE FROM copies WHERE move_id = $1", move_id)
