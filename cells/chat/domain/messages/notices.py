"""What the platform says in a conversation about itself: who set a topic, who renamed it. Messages like others, with a subtype."""

from typing import Any

from cells.chat.domain.channels.channel import Channel
from cells.chat.domain.messages.events import message_face, posted
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.payloads import payload_of
from cells.runtime.log import Transaction
from chassis.identity import UserId


async def say(tx: Transaction, channel: Channel, user_id: UserId, subtype: str, text: str, **facts: Any) -> int:
    """Store and announce; returns its time. `text` follows the user's name (https://api.slack.com/events/message#subtypes)."""
    ts_us = tx.next_ts_us()
    extras = payload_of({"subtype": subtype, **facts})
    message = Message(channel.channel_id, ts_us, user_id, f"<@{user_id}> {text}", extras=extras)
    await Messages(tx.connection, tx.scope).insert([message])
    tx.append(posted(message, message_face(message, tx.scope.workspace_id)))
    return ts_us
