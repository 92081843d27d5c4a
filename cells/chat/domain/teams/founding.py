"""A workspace's first minute: its owner, its general channel, a bot that may do everything chat offers."""

from dataclasses import dataclass

from cells.chat.domain.bots.service import add_bot
from cells.chat.domain.channels.channel import Channel, ChannelKind
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.channels.service import NewChannel, create_channel
from cells.chat.domain.members.service import add_members, require_visible
from cells.chat.domain.plans.service import ChoosePlan
from cells.chat.domain.roles.role import Role
from cells.chat.domain.teams.repository import Team, Teams
from cells.chat.domain.tokens.scopes import SCOPES
from cells.chat.domain.tokens.service import create_token
from cells.chat.domain.users.service import Newcomer, add_user
from cells.chat.domain.users.user import User
from cells.runtime.log import Transaction
from chassis.identity import UserId

BOT_NAME = "waggle"
GENERAL, RANDOM = "general", "random"
GENERAL_PURPOSE = "This channel is for workspace-wide communication and announcements."
RANDOM_PURPOSE = "A place for everything that has no place of its own."


@dataclass(frozen=True, slots=True)
class Founded:
    team: Team
    owner_token: str = ""
    bot_token: str = ""
    """Tokens are shown once: empty where the workspace was founded before."""


@dataclass(frozen=True, slots=True)
class FoundTeam:
    """A change; where the workspace is founded already it answers with what is there."""

    name: str
    domain: str
    owner_email: str
    plan: str = ""
    """Empty: the default. Raises UnknownPlan where there is no such plan."""

    async def apply(self, tx: Transaction) -> Founded:
        teams = Teams(tx.connection, tx.scope)
        there = await teams.get()
        if there is not None:
            return Founded(there)
        owner = await add_user(tx, Newcomer(self.owner_email, role=Role.PRIMARY_OWNER))
        bot = await add_bot(tx, BOT_NAME)
        general = await _open_channel(tx, GENERAL, GENERAL_PURPOSE, owner.user_id)
        random = await _open_channel(tx, RANDOM, RANDOM_PURPOSE, owner.user_id)
        for channel in (general, random):
            await add_members(tx, channel, [owner.user_id, bot.user_id], inviter_id=None)
        team = self._team(tx, owner, bot, general)
        await teams.insert(team)
        if self.plan:
            await ChoosePlan(self.plan).apply(tx)
        return Founded(team, await create_token(tx, owner, SCOPES), await create_token(tx, bot, SCOPES))

    def _team(self, tx: Transaction, owner: User, bot: User, general: Channel) -> Team:
        return Team(
            team_id=tx.scope.workspace_id,
            name=self.name,
            domain=self.domain,
            owner_id=owner.user_id,
            bot_user_id=bot.user_id,
            general_id=general.channel_id,
            created_us=owner.created_us,
        )


@dataclass(frozen=True, slots=True)
class Joined:
    user: User
    token: str


@dataclass(frozen=True, slots=True)
class AddPerson:
    """A change: a person comes in, finds the channels everyone starts in, and gets a token. A guest finds none yet."""

    email: str
    real_name: str
    role: Role = Role.MEMBER

    async def apply(self, tx: Transaction) -> Joined:
        user = await add_user(tx, Newcomer(self.email, self.real_name, self.role))
        for channel_id in () if self.role.is_guest else await _first_channels(tx):
            standing = await require_visible(tx, channel_id, user.user_id)
            await add_members(tx, standing.channel, [user.user_id], inviter_id=None)
        return Joined(user, await create_token(tx, user, SCOPES))


async def _open_channel(tx: Transaction, name: str, purpose: str, creator_id: UserId) -> Channel:
    is_general = name == GENERAL
    return await create_channel(tx, NewChannel(name, ChannelKind.PUBLIC, creator_id, is_general=is_general, purpose=purpose))


async def _first_channels(tx: Transaction) -> list[str]:
    """Channels that are public still and not archived."""
    channels = Channels(tx.connection, tx.scope)
    found = [await channels.id_of_name(name) for name in (GENERAL, RANDOM)]
    standings = [await channels.get(channel_id, "") for channel_id in found if channel_id]
    return [s.channel.channel_id for s in standings if s and s.visible and not s.channel.archived]
