"""Files come in: as what the message says of them, with the content that the archive has."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from cells.chat.domain.files.due import doom, owe, save
from cells.chat.domain.files.file import Content, File, FileId, FileState, Media, Scan, Share
from cells.chat.domain.files.quota import quota_of
from cells.chat.domain.files.repository import Files, Shares
from cells.chat.domain.files.uploading import UNCLAIMED_S
from cells.chat.domain.imports.standing import Import, Place
from cells.chat.domain.messages.repository import Messages
from cells.chat.exchange.storing import keep, require_at
from cells.chat.exchange.tally import Tally
from cells.runtime.log import Transaction

NAME_LENGTH_MAX = 255
_extras = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class BeginContent:
    """A change: bytes are about to be written under this key; if nothing takes them they go again."""

    file_id: str
    object_key: str

    async def apply(self, tx: Transaction) -> int:
        """How many bytes it may have; 0 where it is here already, or no message refers to it."""
        files = Files(tx.connection, tx.scope)
        if await files.get(self.file_id) is not None or not await Shares(tx.connection, tx.scope).of([self.file_id]):
            return 0
        await doom(tx, [self.object_key], tx.next_ts_us() + UNCLAIMED_S * 1_000_000)
        quota = await quota_of(tx.connection, tx.scope)
        return min(quota.free_bytes, quota.file_bytes_max)


@dataclass(frozen=True, slots=True)
class TakeContent:
    """A change: the file is here, or was passed over; either way the import is further."""

    import_id: str
    start: Place
    end: Place
    file_id: str
    name: str
    content: Content | None
    why: str
    """There is no content."""
    scanned: bool

    async def apply(self, tx: Transaction) -> Import:
        standing = await require_at(tx, self.import_id, self.start)
        tally = Tally(dict(standing.counts), standing.mapping, [])
        shares = (await Shares(tx.connection, tx.scope).of([self.file_id])).get(self.file_id)
        if self.content is not None and shares:
            await self._put(tx, self.content, shares[0])
            tally.count("file_contents")
        else:
            tally.note("file", f"{self.file_id} {self.name}", self.why)
        return await keep(tx, replace(standing, place=self.end), tally)

    async def _put(self, tx: Transaction, content: Content, share: Share) -> None:
        files, now_us = Files(tx.connection, tx.scope), tx.next_ts_us()
        file = await self._file(tx, content, share, now_us)
        await files.put(file)
        await files.change_used(content.size)
        await save(tx, [content.object_key])
        await owe(tx, file, now_us)

    async def _file(self, tx: Transaction, content: Content, share: Share, now_us: int) -> File:
        told = await self._told(tx, share)
        name = _text(told, "name") or self.name
        created_s = told.get("created")
        return File(
            file_id=FileId(self.file_id),
            user_id=share.user_id,
            name=name[:NAME_LENGTH_MAX],
            title=(_text(told, "title") or name)[:NAME_LENGTH_MAX],
            size=content.size,
            mimetype=content.mimetype,
            filetype=content.filetype,
            mode=content.mode,
            state=FileState.READY,
            object_key=content.object_key,
            etag=content.etag,
            alt_txt=_text(told, "alt_txt"),
            public_secret="",
            scan=Scan.PENDING if self.scanned else Scan.NONE,
            preview=content.preview,
            media=Media(),
            created_us=created_s * 1_000_000 if isinstance(created_s, int) and 0 < created_s < 10**10 else now_us,
            expires_us=0,
        )

    async def _told(self, tx: Transaction, share: Share) -> dict[str, Any]:
        """What the first message that it was shared by says of it."""
        message = await Messages(tx.connection, tx.scope).get(share.channel_id, share.ts_us)
        carried = _extras(message.extras).get("files", []) if message is not None and message.extras else []
        return next((file for file in carried if isinstance(file, dict) and file.get("id") == self.file_id), {})


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value.replace("\x00", "") if isinstance(value, str) else ""
