"""Deleting messages, and what may be said."""

from dataclasses import dataclass, replace

from cells.chat.domain.channels.channel import Standing
from cells.chat.domain.channels.errors import ChannelNotFound
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.mentions.repository import Mentions
from cells.chat.domain.messages.errors import CantDelete, MessageNotFound, NoText, TextTooLong
from cells.chat.domain.messages.events import changed, deleted
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.versions.repository import Ending, Versions
from cells.runtime.log import Event, Transaction
from chassis.identity import UserId

TEXT_LENGTH_MAX = 40_000
"""Characters (code points)."""


def checked_text(text: str, extras: str | None) -> str:
    """Refused when it is too long or nothing is said at all; never cut."""
    if len(text) > TEXT_LENGTH_MAX:
        raise TextTooLong
    if not text and extras is None:
        raise NoText
    return text


@dataclass(frozen=True, slots=True)
class DeleteMessage:
    channel_id: str
    ts_us: int
    user_id: UserId
    may_others: bool
    """Whether it may be another's."""

    async def apply(self, tx: Transaction) -> None:
        _, before = await require_message(tx, self.channel_id, self.ts_us, self.user_id)
        if before.user_id != self.user_id and not self.may_others:
            raise CantDelete
        messages, now_us = Messages(tx.connection, tx.scope), tx.next_ts_us()
        hangs = bool(before.thread_us is None and await messages.threads(self.channel_id, [self.ts_us]))
        await Versions(tx.connection, tx.scope).keep(before, now_us, self.user_id, Ending.DELETED)
        await messages.remove(self.channel_id, self.ts_us, now_us)
        await Mentions(tx.connection, tx.scope).remove(self.channel_id, self.ts_us)
        tx.append(_gone(before, tx.scope.workspace_id, now_us, hangs=hangs))
        if before.thread_us is not None:
            await _tell_empty_thread(tx, messages, (self.channel_id, before.thread_us), now_us)


def _gone(before: Message, team_id: str, now_us: int, *, hangs: bool) -> Event:
    """Where a thread hangs on it a tombstone takes its place, as in the channel's history."""
    return changed(before, replace(before, deleted_us=now_us), team_id, now_us) if hangs else deleted(before, team_id, now_us)


async def _tell_empty_thread(tx: Transaction, messages: Messages, key: tuple[str, int], now_us: int) -> None:
    """A tombstone goes with its last reply."""
    root = (await messages.get_many([key])).get(key)
    if root is not None and root.deleted_us is not None and not await messages.threads(key[0], [key[1]]):
        tx.append(deleted(root, tx.scope.workspace_id, now_us))


async def require_message(tx: Transaction, channel_id: str, ts_us: int, user_id: str) -> tuple[Standing, Message]:
    standing = await Channels(tx.connection, tx.scope).get(channel_id, user_id)
    if standing is None or not standing.visible:
        raise ChannelNotFound
    message = await Messages(tx.connection, tx.scope).get(channel_id, ts_us)
    if message is None:
        raise MessageNotFound
    return standing, message
