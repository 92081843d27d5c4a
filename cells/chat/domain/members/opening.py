"""Conversations that begin with people in them: a new channel with its creator, a direct message among its people."""

from collections.abc import Sequence
from dataclasses import dataclass

from cells.chat.domain.channels.channel import Channel, ChannelKind, Standing
from cells.chat.domain.channels.errors import ChannelNotFound, NotEnoughUsers, TooManyUsers, WrongChannelType
from cells.chat.domain.channels.events import direct_closed
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.channels.service import NewChannel, channel_of, create_channel
from cells.chat.domain.members.errors import UserNotVisible
from cells.chat.domain.members.repository import Members
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
    make: bool = True
    """Without it only what is there already is found."""

    async def apply(self, tx: Transaction) -> Opening:
        people = sorted({self.opener_id, *self.others})
        if not self.others:
            raise NotEnoughUsers
        if len(people) > DIRECT_PEOPLE_MAX:
            raise TooManyUsers
        known = await self._require_active(tx, people)
        existing = await Channels(tx.connection, tx.scope).id_of_people(",".join(people))
        if existing is not None:
            return await ReopenDirect(existing, self.opener_id).apply(tx)
        await self._require_company(tx, known[self.opener_id])
        if not self.make:
            raise ChannelNotFound
        return Opening(await self._make(tx, people, known), already=False)

    async def _require_company(self, tx: Transaction, opener: User) -> None:
        """Guests begin conversations with those alone with whom they share a channel."""
        others = set(self.others) - {opener.user_id}
        if opener.role.is_guest and others - await Members(tx.connection, tx.scope).sharing(opener.user_id, sorted(others)):
            raise UserNotVisible

    async def _make(self, tx: Transaction, people: list[str], known: dict[str, User]) -> Channel:
        kind = ChannelKind.IM if len(people) <= 2 else ChannelKind.MPIM
        name = "" if kind is ChannelKind.IM else "mpdm-" + "--".join(sorted(known[person].name for person in people)) + "-1"
        channel = channel_of(NewChannel(name, kind, self.opener_id), name, tx.next_ts_us(), ",".join(people))
        await Channels(tx.connection, tx.scope).insert(channel)
        await add_members(tx, channel, people, inviter_id=None)
        return channel

    @staticmethod
    async def _require_active(tx: Transaction, people: Sequence[str]) -> dict[str, User]:
        known = await Users(tx.connection, tx.scope).get_many(people)
        if len(known) < len(people):
            raise UserNotFound
        if any(user.deleted for user in known.values()):
            raise UserDisabled
        return known


@dataclass(frozen=True, slots=True)
class ReopenDirect:
    """A direct conversation that is there already, shown to the user again where it was closed."""

    channel_id: str
    user_id: UserId

    async def apply(self, tx: Transaction) -> Opening:
        standing = await _require_direct(tx, self.channel_id, self.user_id)
        if not standing.is_open:
            await Members(tx.connection, tx.scope).change_closed(self.channel_id, self.user_id, 0)
            tx.append(direct_closed(standing.channel, self.user_id, tx.next_ts_us(), again=True))
        return Opening(standing.channel, already=standing.is_open)


@dataclass(frozen=True, slots=True)
class CloseDirect:
    """The user's clients show it no longer, until something new is said in it or it is opened. Nobody leaves it."""

    channel_id: str
    user_id: UserId

    async def apply(self, tx: Transaction) -> bool:
        """Whether it was open."""
        standing = await _require_direct(tx, self.channel_id, self.user_id)
        if standing.is_open:
            now_us = tx.next_ts_us()
            await Members(tx.connection, tx.scope).change_closed(self.channel_id, self.user_id, now_us)
            tx.append(direct_closed(standing.channel, self.user_id, now_us))
        return standing.is_open


async def _require_direct(tx: Transaction, channel_id: str, user_id: str) -> Standing:
    standing = await require_visible(tx, channel_id, user_id)
    if not standing.channel.is_direct:
        raise WrongChannelType
    return standing
