"""From what the reader of an archive sends to what is stored, as far as that needs no database."""

from dataclasses import dataclass, field
from typing import Any

from cells.chat.domain.imports.errors import BadArchivePart
from cells.chat.domain.imports.standing import Mapping, Note, Place
from cells.chat.domain.users.user import User
from cells.chat.exchange.elements import renamed
from cells.chat.exchange.messages import PastMessage, past_message
from cells.chat.exchange.people import past_user
from cells.chat.exchange.rooms import KINDS, PastRoom, past_room
from protos.exchange.v1 import exchange_pb2

ITEMS_MAX = 5_000


@dataclass(slots=True)
class Batch:
    start: Place
    end: Place
    users: list[User] = field(default_factory=list)
    rooms: list[PastRoom] = field(default_factory=list)
    messages: list[PastMessage] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def people(self) -> set[str]:
        """Everyone who is spoken of."""
        found: set[str] = set()
        for past in self.messages:
            found |= past.people
        for room in self.rooms:
            found.update(room.members)
            found.update(pin.user_id for pin in room.pins if pin.user_id)
        return found

    @property
    def profiles(self) -> dict[str, dict[str, Any]]:
        """What messages say of their authors, by id."""
        return {past.message.user_id: past.profile for past in self.messages if past.profile}


def read_batch(sent: exchange_pb2.Batch, mapping: Mapping) -> Batch:
    """Raises BadArchivePart where it is none of ours; whatever else is wrong is a note."""
    if sum(len(part.items) for part in sent.slices) > ITEMS_MAX:
        raise BadArchivePart(f"more than {ITEMS_MAX} items in one batch")
    batch = Batch(place_of(getattr(sent, "from")), place_of(sent.to))
    batch.notes.extend(Note(note.kind, note.what, note.why) for note in sent.notes)
    for part in sent.slices:
        _read(part, mapping, batch)
    return batch


def place_of(sent: exchange_pb2.Place) -> Place:
    return Place(sent.entry, sent.line)


def _read(part: exchange_pb2.Slice, mapping: Mapping, batch: Batch) -> None:
    items = [renamed(item, mapping.ids) for item in part.items] if mapping.ids else list(part.items)
    places = (f"{part.file} item {number}" for number in range(part.line + 1, part.line + 1 + len(items)))
    if part.kind == "users":
        _sort_users(items, list(places), batch)
    elif part.kind in KINDS:
        for item, place in zip(items, places, strict=True):
            room = past_room(item, KINDS[part.kind], place)
            batch.notes.append(room) if isinstance(room, Note) else batch.rooms.append(room)
    elif part.kind == "messages":
        _read_messages(part, items, list(places), mapping, batch)
    else:
        raise BadArchivePart(f"no such kind: {part.kind[:40]!r}")


def _sort_users(items: list[bytes], places: list[str], batch: Batch) -> None:
    for item, place in zip(items, places, strict=True):
        user = past_user(item, place)
        batch.notes.append(user) if isinstance(user, Note) else batch.users.append(user)


def _read_messages(part: exchange_pb2.Slice, items: list[bytes], places: list[str], mapping: Mapping, batch: Batch) -> None:
    channel_id = mapping.folders.get(part.folder)
    if channel_id is None:
        if part.line == 0:
            batch.notes.append(Note("entry", part.file, "its folder belongs to no conversation of the export"))
        return
    for item, place in zip(items, places, strict=True):
        past = past_message(item, channel_id, part.folder, place, batch.notes)
        if past is not None:
            batch.messages.append(past)
