"""Pinning messages to their conversation. Every member may."""

from dataclasses import dataclass

from cells.chat.domain.channels.errors import NotInChannel
from cells.chat.domain.channels.service import require_standing
from cells.chat.domain.errors import DomainError
from cells.chat.domain.messages.errors import MessageNotFound
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.pins.errors import AlreadyPinned, NotPinned, TooManyPins
from cells.chat.domain.pins.events import pin_added, pin_removed
from cells.chat.domain.pins.pin import Pin
from cells.chat.domain.pins.repository import Pins
from cells.chat.domain.roles.errors import RestrictedAction
from cells.runtime.log import Transaction
from chassis.identity import UserId

PINS_MAX = 100
"""In one conversation."""


@dataclass(frozen=True, slots=True)
class AddPin:
    channel_id: str
    ts_us: int
    user_id: UserId

    async def apply(self, tx: Transaction) -> None:
        message = await _require_pinnable(tx, self.channel_id, self.ts_us, self.user_id)
        pins = Pins(tx.connection, tx.scope)
        count = await pins.count(self.channel_id)
        pin = Pin(self.ts_us, self.user_id, tx.next_ts_us())
        if not await pins.insert(self.channel_id, pin):
            raise AlreadyPinned
        if count >= PINS_MAX:
            raise TooManyPins
        tx.append(pin_added(pin, message, tx.scope.workspace_id, count + 1))


@dataclass(frozen=True, slots=True)
class RemovePin:
    channel_id: str
    ts_us: int
    user_id: UserId

    async def apply(self, tx: Transaction) -> None:
        message = await _require_pinnable(tx, self.channel_id, self.ts_us, self.user_id, outside=RestrictedAction)
        pins = Pins(tx.connection, tx.scope)
        if not await pins.remove(self.channel_id, self.ts_us):
            raise NotPinned
        left = await pins.count(self.channel_id)
        tx.append(pin_removed(self.user_id, message, tx.scope.workspace_id, left, tx.next_ts_us()))


async def _require_pinnable(
    tx: Transaction, channel_id: str, ts_us: int, user_id: str, *, outside: type[DomainError] = NotInChannel
) -> Message:
    """A message of a conversation that the user is in and that is in use. `outside`: the word for who is not in it."""
    standing = await require_standing(tx.connection, tx.scope, channel_id, user_id)
    if not standing.is_member:
        raise outside
    if standing.channel.archived:
        raise RestrictedAction
    message = await Messages(tx.connection, tx.scope).get(channel_id, ts_us)
    if message is None:
        raise MessageNotFound
    return message
