"""`workspace.export`: a workspace goes out as a Slack export, entry by entry, a page in memory at a time.

What was said up to its beginning is in it, nothing that was said later. People, conversations and pages are each read in
a snapshot of their own, so an edit or a reaction made meanwhile may be in it or not.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from cells.chat.domain.channels.channel import Channel, ChannelKind
from cells.chat.domain.files.file import File, FileState
from cells.chat.domain.files.hydrating import hydrate
from cells.chat.domain.files.repository import Files
from cells.chat.domain.imports.whole import MESSAGES_PAGE, ROOMS_PAGE, Room, Whole
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.reactions.repository import Reactions
from cells.chat.domain.timestamps import show_ts
from cells.chat.domain.users.events import user_face
from cells.chat.domain.users.repository import Users
from cells.chat.exchange.rooms import KINDS
from cells.chat.files.store import ObjectMissing, ObjectStore
from cells.chat.slack.shaping import full_face
from cells.runtime.tenancy import IN_ORDER
from cells.runtime.workload import Tenant
from protos.exchange.v1 import exchange_pb2

USERS_PAGE = 500
FILES_PAGE = 200
UPLOADS = "__uploads"
_NOT_IN_NAMES = re.compile(r"[/\\:\x00-\x1f]")
PIECE_BYTES_MAX = 1 << 20
PIECE_COST_BYTES = 200
"""Counted for each piece, so that thousands of small ones make no large answer."""
_encode = msgspec.json.Encoder().encode
Faces = AsyncIterator[dict[str, Any]]


async def export_archive(store: ObjectStore, tenant: Tenant, wanted: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    asked = exchange_pb2.ExportWanted.FromString(await anext(wanted, b""))
    exporter, held, size = Exporter(tenant, store, asked.base, not asked.without_files), exchange_pb2.ExportAnswer(), 0
    async for piece in exporter.pieces():
        held.pieces.append(piece)
        size += len(piece.body) + PIECE_COST_BYTES
        if size >= PIECE_BYTES_MAX:
            yield held.SerializeToString()
            held, size = exchange_pb2.ExportAnswer(), 0
    yield held.SerializeToString()


@dataclass
class Exporter:
    tenant: Tenant
    store: ObjectStore
    base: str
    with_files: bool
    counts: Counter[str] = field(default_factory=Counter)
    folders: dict[str, str] = field(default_factory=dict)
    """Folder of each conversation, by id."""
    files: dict[str, None] = field(default_factory=dict)
    """Ids of those that messages refer to, in the order they are met."""

    async def pieces(self) -> AsyncIterator[exchange_pb2.ExportPiece]:
        async with self.tenant.reading() as connection:
            cut_us = await Whole(connection, self.tenant.scope).cut_us()
        async for piece in _entry("users.json", self._users()):
            yield piece
        for name, kind in KINDS.items():
            async for piece in _entry(f"{name}.json", self._rooms(kind)):
                yield piece
        yield exchange_pb2.ExportPiece(name="integration_logs.json", body=b"[]")
        for channel_id, folder in self.folders.items():
            async for piece in self._days(channel_id, folder, cut_us):
                yield piece
        async for piece in self._uploads():
            yield piece
        yield exchange_pb2.ExportPiece(counts=self.counts)

    async def _users(self) -> Faces:
        after = ""
        while True:
            async with self.tenant.reading() as connection:
                page = await Users(connection, self.tenant.scope).page(after, USERS_PAGE)
            for user in page:
                self.counts["users"] += 1
                yield user_face(user, self.tenant.scope.workspace_id)
            if len(page) < USERS_PAGE:
                return
            after = page[-1].user_id

    async def _rooms(self, kind: ChannelKind) -> Faces:
        after, taken = "", set(self.folders.values())
        while True:
            async with self.tenant.reading() as connection:
                page = await Whole(connection, self.tenant.scope).rooms(kind, after)
            for room in page:
                folder = folder_of(room.channel, taken)
                taken.add(folder)
                self.folders[room.channel.channel_id] = folder
                self.counts[_COUNTED[kind]] += 1
                yield room_face(room, folder)
            if len(page) < ROOMS_PAGE:
                return
            after = page[-1].channel.channel_id

    async def _days(self, channel_id: str, folder: str, cut_us: int) -> AsyncIterator[exchange_pb2.ExportPiece]:
        """A file a day (UTC), each closed before the next one is begun."""
        day, after_us, writing = "", 0, _Array("")
        while page := await self._page(channel_id, after_us, cut_us):
            for ts_us, face in page:
                said_on = datetime.fromtimestamp(ts_us // 1_000_000, UTC).date().isoformat()
                if said_on != day:
                    if day:
                        yield writing.end()
                    day, writing = said_on, _Array(f"{folder}/{said_on}.json")
                writing.add(face)
                if writing.is_full:
                    yield writing.take()
            after_us = page[-1][0]
            if len(page) < MESSAGES_PAGE:
                break
        if day:
            yield writing.end()

    async def _page(self, channel_id: str, after_us: int, cut_us: int) -> list[tuple[int, dict[str, Any]]]:
        scope = self.tenant.scope
        async with self.tenant.reading(IN_ORDER) as connection:
            said = await Whole(connection, scope).said(channel_id, after_us, cut_us)
            if not said:
                return []
            messages = Messages(connection, scope)
            found = await messages.get_many([(channel_id, ts_us) for ts_us in said])
            reactions = await Reactions(connection, scope).of(channel_id, said)
            threads = await messages.threads(channel_id, [m.ts_us for m in found.values() if m.thread_us is None])
            shown = [found[channel_id, ts_us] for ts_us in said]
            faces = [full_face(m, scope.workspace_id, threads.get(m.ts_us), reactions.get(m.ts_us, [])) for m in shown]
            await hydrate(connection, scope, faces, self.base)
        self.files |= dict.fromkeys(file["id"] for face in faces for file in face.get("files", ()) if "url_private" in file)
        self.counts["messages"] += sum(message.thread_us is None for message in shown)
        self.counts["replies"] += sum(message.thread_us is not None for message in shown)
        self.counts["reactions"] += sum(len(reaction.user_ids) for of in reactions.values() for reaction in of)
        return list(zip(said, faces, strict=True))

    async def _uploads(self) -> AsyncIterator[exchange_pb2.ExportPiece]:
        """What lies in this workspace's store, as `__uploads/ID/NAME`; of files that came by an import only the reference is here."""
        wanted = list(self.files) if self.with_files else []
        for at in range(0, len(wanted), FILES_PAGE):
            async with self.tenant.reading() as connection:
                found = await Files(connection, self.tenant.scope).get_many(wanted[at : at + FILES_PAGE])
            for file in found.values():
                if file.state is FileState.READY and file.object_key and not file.scan.withheld:
                    async for piece in self._upload(file):
                        yield piece

    async def _upload(self, file: File) -> AsyncIterator[exchange_pb2.ExportPiece]:
        name = f"{UPLOADS}/{file.file_id}/{_NOT_IN_NAMES.sub('_', file.name).strip('. ') or 'file'}"
        try:
            async for chunk in self.store.read(file.object_key):
                yield exchange_pb2.ExportPiece(name=name, body=chunk)
                name = ""
        except ObjectMissing:
            yield exchange_pb2.ExportPiece(notes=[exchange_pb2.Note(kind="file", what=file.file_id, why="its content is not in the store")])
            return
        if name:
            yield exchange_pb2.ExportPiece(name=name)
        self.counts["files"] += 1


_COUNTED: dict[ChannelKind, str] = {
    ChannelKind.PUBLIC: "channels",
    ChannelKind.PRIVATE: "private_channels",
    ChannelKind.IM: "direct_messages",
    ChannelKind.MPIM: "group_messages",
}


def folder_of(channel: Channel, taken: set[str]) -> str:
    """By name, direct messages by id; nothing that would leave the folder it is unpacked in."""
    if channel.kind is ChannelKind.IM:
        return channel.channel_id
    name = channel.name.replace("/", "_").replace("\\", "_").strip(". ") or channel.channel_id
    return name if name not in taken else f"{name}-{channel.channel_id.lower()}"


def room_face(room: Room, folder: str) -> dict[str, Any]:
    channel = room.channel
    face: dict[str, Any] = {"id": channel.channel_id, "created": channel.created_us // 1_000_000, "members": list(room.members)}
    if channel.kind is ChannelKind.IM:
        return face
    return face | {
        "name": folder,
        "creator": channel.creator_id,
        "is_archived": channel.archived,
        "is_general": channel.is_general,
        "topic": _note(channel.topic, channel.topic_by, channel.topic_us),
        "purpose": _note(channel.purpose, channel.purpose_by, channel.purpose_us),
        "pins": [
            {"id": show_ts(pin.ts_us), "type": "C", "created": pin.created_us // 1_000_000, "user": pin.user_id, "owner": pin.user_id}
            for pin in room.pins
        ],
    }


def _note(value: str, by: str, at_us: int) -> dict[str, Any]:
    return {"value": value, "creator": by, "last_set": at_us // 1_000_000}


async def _entry(name: str, faces: Faces) -> AsyncIterator[exchange_pb2.ExportPiece]:
    writing = _Array(name)
    async for face in faces:
        writing.add(face)
        if writing.is_full:
            yield writing.take()
    yield writing.end()


class _Array:
    """An entry, a JSON array, that is given away in pieces while it grows; the first names it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held = bytearray(b"[")
        self._begun = False

    @property
    def is_full(self) -> bool:
        return len(self._held) >= PIECE_BYTES_MAX

    def add(self, face: dict[str, Any]) -> None:
        self._held += b",\n" if self._begun else b"\n"
        self._held += _encode(face)
        self._begun = True

    def take(self) -> exchange_pb2.ExportPiece:
        piece = exchange_pb2.ExportPiece(name=self._name, body=bytes(self._held))
        self._name = ""
        self._held.clear()
        return piece

    def end(self) -> exchange_pb2.ExportPiece:
        self._held += b"\n]\n"
        return self.take()
