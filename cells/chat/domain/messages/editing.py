"""Changing messages: what they said before is kept, whom they call is read anew, and everyone is told."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from cells.chat.domain.channels.channel import Standing
from cells.chat.domain.mentions.repository import Mentions, mentions_in
from cells.chat.domain.messages.errors import (
    CantBroadcast,
    CantUpdate,
    ChannelInactive,
    EditConflict,
    NoDualBroadcast,
    StreamingConflict,
)
from cells.chat.domain.messages.events import PRIVATE, changed, message_face
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.messages.service import checked_text, require_message
from cells.chat.domain.versions.repository import Ending, Versions
from cells.runtime.log import Transaction
from chassis.identity import UserId

STREAMING = "streaming"
SAYS_NOTHING = frozenset((PRIVATE, "subtype", "username", "icons", "mrkdwn", "metadata"))
"""What may be in a message's extras without anything being said by it."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class UpdateMessage:
    """A change of what a message says; or, with `broadcast` alone, of where a reply is shown."""

    channel_id: str
    ts_us: int
    user_id: UserId
    text: str | None = None
    """None: as it was."""
    carried: Mapping[str, Any] | None = None
    """Blocks, attachments and metadata that were given; what was given empty is taken away, the rest stays."""
    broadcast: bool = False
    expected_edited_us: int | None = None
    """When the caller last saw it edited, 0 for never; None: whoever edited it meanwhile."""

    async def apply(self, tx: Transaction) -> dict[str, Any]:
        """The message as it is now."""
        standing, before = await require_message(tx, self.channel_id, self.ts_us, self.user_id)
        self._check(standing, before)
        now_us = tx.next_ts_us()
        if self.broadcast:
            after = replace(before, broadcast=True)
            await Messages(tx.connection, tx.scope).change_broadcast(self.channel_id, self.ts_us)
        else:
            after = self._edited(before, now_us)
            await Versions(tx.connection, tx.scope).keep(before, now_us, self.user_id, Ending.EDITED)
            await store_edit(tx, before, after)
        tx.append(changed(before, after, tx.scope.workspace_id, now_us))
        return message_face(after, tx.scope.workspace_id)

    def _check(self, standing: Standing, before: Message) -> None:
        if before.user_id != self.user_id:
            raise CantUpdate
        if standing.channel.archived:
            raise ChannelInactive
        if private_of(before).get(STREAMING):
            raise StreamingConflict
        if self.expected_edited_us is not None and self.expected_edited_us != (before.edited_us or 0):
            raise EditConflict
        if self.broadcast and (self.text is not None or self.carried):
            raise NoDualBroadcast
        if self.broadcast and (before.thread_us is None or before.broadcast):
            raise CantBroadcast

    def _edited(self, before: Message, now_us: int) -> Message:
        text = before.text if self.text is None else self.text
        extras = merged(before.extras, self.carried or {})
        checked_text(text, extras if _says(extras) else None)
        return replace(before, text=text, extras=extras, edited_us=now_us, edited_by=self.user_id)


async def store_edit(tx: Transaction, before: Message, after: Message) -> None:
    """What it says from now on, and whom it calls."""
    await Messages(tx.connection, tx.scope).change(after)
    calls = mentions_in(after)
    if set(calls) != set(mentions_in(before)):
        mentions = Mentions(tx.connection, tx.scope)
        active = await mentions.remove(after.channel_id, after.ts_us)
        if calls:
            await mentions.insert(mentions_in(after, active))


def merged(extras: str | None, changes: Mapping[str, Any]) -> str | None:
    """`extras` with the changes made; a change to nothing takes the key away. None where nothing is left."""
    if not changes:
        return extras
    found = {**(_decode(extras) if extras else {}), **changes}
    left = {name: value for name, value in found.items() if value}
    return _encode(left).decode() if left else None


def _says(extras: str | None) -> bool:
    return extras is not None and not SAYS_NOTHING.issuperset(_decode(extras))


def private_of(message: Message) -> dict[str, Any]:
    """What is kept of the message and never shown."""
    if message.extras is None or f'"{PRIVATE}"' not in message.extras:
        return {}
    kept: dict[str, Any] = _decode(message.extras).get(PRIVATE, {})
    return kept


def carried_of(message: Message) -> dict[str, Any]:
    return _decode(message.extras) if message.extras else {}
