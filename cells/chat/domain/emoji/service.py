"""Making and taking away; everyone is told (https://api.slack.com/events/emoji_changed)."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cells.chat.domain.emoji.errors import BadEmojiName, BadEmojiSource, EmojiNameTaken, EmojiNotFound, TooManyEmojiMade
from cells.chat.domain.emoji.repository import CustomEmoji, Emoji
from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import EVERYONE, Event, Transaction
from chassis.identity import UserId

EMOJI_MAX = 10_000
URL_LENGTH_MAX = 2_000
_NAME = re.compile(r"[a-z0-9_'+-]{1,100}")


def checked_name(name: str) -> str:
    """Without colons around it."""
    bare = name.strip().strip(":")
    if not _NAME.fullmatch(bare):
        raise BadEmojiName
    return bare


def checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BadEmojiSource from error
    if parts.scheme not in ("http", "https") or not parts.netloc or len(url) > URL_LENGTH_MAX or not url.isprintable():
        raise BadEmojiSource("url must be an address of a picture, http or https")
    return url


@dataclass(frozen=True, slots=True)
class AddEmoji:
    """`url`, or `alias_for` (the name of another one, or of one that every client has)."""

    name: str
    creator_id: UserId
    url: str = ""
    alias_for: str | None = None

    async def apply(self, tx: Transaction) -> None:
        known, now_us = CustomEmoji(tx.connection, tx.scope), tx.next_ts_us()
        if await known.get(self.name):
            raise EmojiNameTaken
        if await known.count() >= EMOJI_MAX:
            raise TooManyEmojiMade
        meant = await known.get(self.alias_for) if self.alias_for else None
        emoji = Emoji(self.name, self.url, (meant.alias_for or meant.name) if meant else self.alias_for, self.creator_id, now_us)
        await known.insert(emoji)
        tx.append(emoji_changed("add", {"name": self.name, "value": emoji.shown}, now_us))


@dataclass(frozen=True, slots=True)
class RenameEmoji:
    name: str
    new_name: str

    async def apply(self, tx: Transaction) -> None:
        known, now_us = CustomEmoji(tx.connection, tx.scope), tx.next_ts_us()
        emoji = await known.get(self.name)
        if emoji is None:
            raise EmojiNotFound
        if await known.get(self.new_name):
            raise EmojiNameTaken
        await known.change_name(self.name, self.new_name)
        tx.append(emoji_changed("rename", {"old_name": self.name, "new_name": self.new_name, "value": emoji.shown}, now_us))


@dataclass(frozen=True, slots=True)
class RemoveEmoji:
    name: str

    async def apply(self, tx: Transaction) -> None:
        gone = await CustomEmoji(tx.connection, tx.scope).remove(self.name)
        if self.name not in gone:
            raise EmojiNotFound
        tx.append(emoji_changed("remove", {"names": sorted(gone)}, tx.next_ts_us()))


def emoji_changed(subtype: str, fields: dict[str, Any], now_us: int) -> Event:
    payload = {"type": "emoji_changed", "subtype": subtype, **fields, "event_ts": show_ts(now_us)}
    return Event("emoji_changed", (EVERYONE,), payload_of(payload))
