import re
from dataclasses import dataclass

from cells.chat.domain.channels.errors import ChannelArchived, ChannelNotFound
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.messages.errors import MessageNotFound
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.reactions.errors import AlreadyReacted, InvalidEmoji, NoReaction, TooManyEmoji, TooManyReactions
from cells.chat.domain.reactions.events import reaction_event
from cells.chat.domain.reactions.reaction import Reaction
from cells.chat.domain.reactions.repository import Reactions
from cells.runtime.log import Transaction
from chassis.identity import UserId

EMOJI_PER_MESSAGE_MAX = 50
REACTIONS_PER_USER_MAX = 23
_NAME = re.compile(r"[\w+'&.-]{1,100}(?:::skin-tone-[2-6])?")


def checked_emoji(name: str) -> str:
    """The name without colons around it, skin tone kept."""
    bare = name.strip(":")
    if not _NAME.fullmatch(bare) or bare != bare.lower():
        raise InvalidEmoji
    return bare


@dataclass(frozen=True, slots=True)
class AddReaction:
    channel_id: str
    ts_us: int
    name: str
    user_id: UserId

    async def apply(self, tx: Transaction) -> None:
        message, archived = await _require_item(tx, self.channel_id, self.ts_us, self.user_id)
        if archived:
            raise ChannelArchived
        reactions = Reactions(tx.connection, tx.scope)
        self._check((await reactions.of(self.channel_id, [self.ts_us])).get(self.ts_us, []))
        now_us = tx.next_ts_us()
        await reactions.insert(self.channel_id, self.ts_us, self.name, self.user_id, now_us)
        tx.append(reaction_event("reaction_added", message, self.name, self.user_id, now_us))

    def _check(self, there: list[Reaction]) -> None:
        mine = {reaction.name for reaction in there if self.user_id in reaction.user_ids}
        if self.name in mine:
            raise AlreadyReacted
        if len(mine) >= REACTIONS_PER_USER_MAX:
            raise TooManyReactions
        if len(there) >= EMOJI_PER_MESSAGE_MAX and self.name not in {reaction.name for reaction in there}:
            raise TooManyEmoji


@dataclass(frozen=True, slots=True)
class RemoveReaction:
    channel_id: str
    ts_us: int
    name: str
    user_id: UserId

    async def apply(self, tx: Transaction) -> None:
        message, _ = await _require_item(tx, self.channel_id, self.ts_us, self.user_id)
        if not await Reactions(tx.connection, tx.scope).remove(self.channel_id, self.ts_us, self.name, self.user_id):
            raise NoReaction
        tx.append(reaction_event("reaction_removed", message, self.name, self.user_id, tx.next_ts_us()))


async def _require_item(tx: Transaction, channel_id: str, ts_us: int, user_id: str) -> tuple[Message, bool]:
    """The message, and whether its channel is archived."""
    standing = await Channels(tx.connection, tx.scope).get(channel_id, user_id)
    if standing is None or not standing.visible:
        raise ChannelNotFound
    message = await Messages(tx.connection, tx.scope).get(channel_id, ts_us)
    if message is None:
        raise MessageNotFound
    return message, standing.channel.archived
