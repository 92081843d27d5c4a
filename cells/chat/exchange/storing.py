"""The changes of an import. Each is one transaction under the workspace's fence: what it stores, and how far the import is."""

from dataclasses import dataclass, field, replace

from cells.chat.domain.imports.errors import BadArchivePart, ImportElsewhere
from cells.chat.domain.imports.past import Past
from cells.chat.domain.imports.repository import Imports
from cells.chat.domain.imports.standing import Import, Mapping, Note, Place
from cells.chat.domain.timestamps import show_ts
from cells.chat.exchange.batches import Batch
from cells.chat.exchange.storing_messages import store_messages
from cells.chat.exchange.storing_people import store_strangers, store_users
from cells.chat.exchange.storing_rooms import store_rooms
from cells.chat.exchange.tally import Tally
from cells.runtime.log import Transaction


@dataclass(frozen=True, slots=True)
class BeginImport:
    import_id: str
    name: str

    async def apply(self, tx: Transaction) -> Import:
        """Where it stands, from before or from now on."""
        imports = Imports(tx.connection, tx.scope)
        standing = await imports.get(self.import_id)
        if standing is None:
            now_us = tx.next_ts_us()
            standing = Import(self.import_id, self.name, Place(), {}, Mapping(), 0, now_us, now_us)
            await imports.insert(standing)
        return standing


@dataclass(frozen=True, slots=True)
class StoreBatch:
    import_id: str
    batch: Batch
    known: frozenset[str] = field(repr=False)
    """Users that are surely here."""
    uploads: frozenset[str] = field(repr=False, default=frozenset())
    """Files whose content the archive has."""

    async def apply(self, tx: Transaction) -> Import:
        standing = await require_at(tx, self.import_id, self.batch.start)
        tally = Tally(dict(standing.counts), standing.mapping, list(self.batch.notes))
        mapped = tally.mapped
        await store_users(tx, self.batch.users, tally)
        await store_strangers(tx, self.batch, self.known, tally)
        await store_rooms(tx, self.batch.rooms, tally)
        await store_messages(tx, self.batch.messages, self.uploads, tally)
        return await keep(tx, replace(standing, place=self.batch.end), tally, remapped=tally.mapped > mapped)


@dataclass(frozen=True, slots=True)
class FinishImport:
    import_id: str

    async def apply(self, tx: Transaction) -> Import:
        standing = await _require(tx, self.import_id)
        if standing.finished_us:
            return standing
        tally = Tally(dict(standing.counts), standing.mapping, [])
        for channel_id, ts_us in await Past(tx.connection, tx.scope).remove_loose_pins():
            tally.counts["pins"] = tally.counts.get("pins", 1) - 1
            tally.note("pin", f"{channel_id} {show_ts(ts_us)}", "its message is not in the export")
        return await keep(tx, replace(standing, finished_us=tx.next_ts_us()), tally)


async def require_at(tx: Transaction, import_id: str, start: Place) -> Import:
    """Raises ImportElsewhere where somebody else has taken it further."""
    standing = await _require(tx, import_id)
    if standing.place != start or standing.finished_us:
        raise ImportElsewhere(f"it stands at {standing.place}, not at {start}")
    return standing


async def _require(tx: Transaction, import_id: str) -> Import:
    standing = await Imports(tx.connection, tx.scope).get(import_id)
    if standing is None:
        raise BadArchivePart("an import begins with its beginning")
    return standing


async def keep(tx: Transaction, standing: Import, tally: Tally, *, remapped: bool = False) -> Import:
    imports = Imports(tx.connection, tx.scope)
    if tally.notes:
        await imports.add_notes(standing.import_id, standing.notes, [_bounded(note) for note in tally.notes])
    counts = {name: count for name, count in tally.counts.items() if count}
    kept = replace(standing, counts=counts, notes=standing.notes + len(tally.notes), updated_us=tx.next_ts_us())
    await imports.change(kept, remapped=remapped)
    return kept


def _bounded(note: Note) -> Note:
    def clean(text: str, most: int) -> str:
        return text.replace("\x00", "").encode("utf-8", "replace").decode()[:most]

    return Note(clean(note.kind, 20), clean(note.what, 200), clean(note.why, 300))
