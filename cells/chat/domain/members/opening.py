"""Conversations that begin with people in them: a new channel with its creator, a direct message among its people."""

from collections.abc import Sequence
from dataclasses import dataclass

from cells.chat.domain.channels.channel import Channel, ChannelKind
from cells.chat.domain.channels.errors import NotEnoughUsers, TooManyUsers
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.channels.service import NewChannel, channel_of, create_channel
from cells.chat.domain.members.service import add_members, require_visible
from cells.chat.domain.users.errors import UserDisabled, UserNotFound
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.user import User
from cells.runtime.log import Transaction
from chassis.identity import UserId

DIRECT_PEOPLE_MAX = 9
"""People in a group direct message, the one who opens it included (https://api.slack.com/methods/conversations.open)."""


@dataclass(frozen=True, slots=True)
class CreateConversation:
    name: str
    is_private: bool
    creator_id: UserId

    async def apply(self, tx: Transaction) -> Channel:
        kind = ChannelKind.PRIVATE if self.is_private else ChannelKind.PUBLIC
        channel = await create_channel(tx, NewChannel(self.name, kind, self.creator_id))
        await add_members(tx, channel, [self.creator_id], inviter_id=None)
        return channel


@dataclass(frozen=True, slots=True)
class Opening:
    channel: Channel
    already: bool


@dataclass(frozen=True, slots=True)
class OpenDirect:
    """The direct message among these people and the opener, made where there is none yet; one for each set of people."""

    opener_id: UserId
    others: tuple[str, ...]

    async def apply(self, tx: Transaction) -> Opening:
        people = sorted({self.opener_id, *self.others})
        if not self.others:
            raise NotEnoughUsers
        if len(people) > DIRECT_PEOPLE_MAX:
            raise TooManyUsers
        known = await _require_active(tx, people)
        existing = await Channels(tx.connection, tx.scope).id_of_people(",".join(people))
        if existing is not None:
            return Opening((await require_visible(tx, existing, self.opener_id)).channel, already=True)
        return Opening(await self._make(tx, people, known), already=False)

    async def _make(self, tx: Transaction, people: list[str], known: dict[str, User]) -> Channel:
        kind = ChannelKind.IM if len(people) <= 2 else ChannelKind.MPIM
        name = "" if kind is ChannelKind.IM else "mpdm-" + "--".join(sorted(known[person].name for person in people)) + "-1"
        channel = channel_of(NewChannel(name, kind, self.opener_id), name, tx.next_ts_us(), ",".join(people))
        await Channels(tx.connection, tx.scope).insert(channel)
        await add_members(tx, channel, people, inviter_id=None)
        return channel


async def _require_active(tx: Transaction, people: Sequence[str]) -> dict[str, User]:
    known = await Users(tx.connection, tx.scope).get_many(people)
    if len(known) < len(people):
        raise UserNotFound
    if any(user.deleted for user in known.values()):
        raise UserDisabled
    return known
