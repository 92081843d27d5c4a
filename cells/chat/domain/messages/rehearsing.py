"""What comes first after a workspace has moved: its people go on posting."""

from dataclasses import dataclass

from cells.chat.domain.mentions.repository import Mention, Mentions
from cells.chat.domain.messages.events import message_face, posted
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.tokens.repository import Tokens
from cells.runtime.log import Transaction
from chassis.identity import ChannelId, UserId

CHANNEL, USER = ChannelId("C0NOBODYS"), UserId("U0NOBODY")


@dataclass(frozen=True, slots=True)
class RehearsePost:
    """A change: every statement of a post and of the look at its token, about nobody. To be taken back."""

    async def apply(self, tx: Transaction) -> None:
        messages, message = Messages(tx.connection, tx.scope), Message(CHANNEL, tx.next_ts_us(), USER, "nothing")
        await Tokens(tx.connection, tx.scope).get(b"")
        await messages.places({(CHANNEL, USER)})
        await messages.by_client_ids({(CHANNEL, USER, "")})
        await messages.insert([message])
        await Mentions(tx.connection, tx.scope).insert([Mention(CHANNEL, message.ts_us, USER, USER)])
        tx.append(posted(message, message_face(message, tx.scope.workspace_id)))
