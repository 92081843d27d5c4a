"""Completing an upload: the file becomes visible, and is shared in as many messages as there are channels; once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from cells.chat.domain.files.due import EXPIRE, owe
from cells.chat.domain.files.errors import FileNotFound, FileUpdateFailed, InvalidThreadTs
from cells.chat.domain.files.events import Site, file_face, told
from cells.chat.domain.files.file import File, FileState, Share
from cells.chat.domain.files.repository import Files, Shares
from cells.chat.domain.messages.errors import CantReply
from cells.chat.domain.messages.posting import PostMessage
from cells.runtime.jobs import drop_due
from cells.runtime.log import Transaction
from chassis.identity import AppId, BotId, ChannelId, UserId

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Sharing:
    """What is said where the files are shared."""

    channel_ids: tuple[ChannelId, ...] = ()
    text: str = ""
    extras: dict[str, Any] | None = None
    thread_us: int | None = None
    bot_id: BotId | None = None
    app_id: AppId | None = None


@dataclass(frozen=True, slots=True)
class CompleteUpload:
    """A change. Completed a second time it shares nothing, and answers as the first time."""

    user_id: UserId
    titles: tuple[tuple[str, str], ...]
    """Ids of files, each with a title; an empty one leaves the name."""
    sharing: Sharing
    site: Site

    async def apply(self, tx: Transaction) -> list[File]:
        there = await self._require_mine(tx)
        fresh = [file for file in there if file.state is FileState.RECEIVED]
        ready = {file.file_id: await self._open(tx, file) for file in fresh}
        if fresh:
            await self._share(tx, list(ready.values()))
        return [ready.get(file.file_id, file) for file in there]

    async def _require_mine(self, tx: Transaction) -> list[File]:
        found = await Files(tx.connection, tx.scope).get_many([file_id for file_id, _ in self.titles])
        mine = [file for file_id, _ in self.titles if (file := found.get(file_id)) is not None and file.user_id == self.user_id]
        if len(mine) < len(self.titles) or any(file.state is FileState.DELETED for file in mine):
            raise FileNotFound
        if any(file.state is FileState.OPEN for file in mine):
            raise FileUpdateFailed
        return mine

    async def _open(self, tx: Transaction, file: File) -> File:
        now_us = tx.next_ts_us()
        title = dict(self.titles)[file.file_id] or file.title
        ready = replace(file, state=FileState.READY, title=title, created_us=now_us, expires_us=0)
        await Files(tx.connection, tx.scope).put(ready)
        await drop_due(tx, EXPIRE, file.file_id)
        await owe(tx, ready, now_us)
        tx.append(told("file_created", ready, (ready.user_id,), now_us))
        return ready

    async def _share(self, tx: Transaction, files: Sequence[File]) -> None:
        for channel_id in self.sharing.channel_ids:
            ts_us, thread_us = await self._post(tx, channel_id, files)
            shares = [Share(file.file_id, channel_id, ts_us, thread_us, self.user_id) for file in files]
            await Shares(tx.connection, tx.scope).insert(shares)
            for file in files:
                tx.append(told("file_shared", file, (channel_id,), tx.next_ts_us(), channel_id=channel_id))

    async def _post(self, tx: Transaction, channel_id: ChannelId, files: Sequence[File]) -> tuple[int, int | None]:
        sharing = self.sharing
        faces = [file_face(file, self.site) for file in files]
        extras = {"subtype": "file_share", **(sharing.extras or {}), "files": faces, "upload": True}
        post = PostMessage(
            channel_id=channel_id,
            user_id=self.user_id,
            text=sharing.text,
            bot_id=sharing.bot_id,
            app_id=sharing.app_id,
            thread_us=sharing.thread_us,
            extras=_encode(extras).decode(),
        )
        try:
            posted = await post.apply(tx)
        except CantReply as error:
            raise InvalidThreadTs from error
        return posted.message.ts_us, posted.message.thread_us
