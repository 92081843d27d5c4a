"""Making user groups and saying who is in them. Bots may look; people may change."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.mentions.parsing import EVERYONE_TARGETS
from cells.chat.domain.usergroups.errors import (
    BadHandle,
    DescriptionTooLong,
    ForbiddenHandle,
    GroupNameTaken,
    GroupNameTooLong,
    HandleTaken,
    InvalidChannel,
    InvalidUsers,
    NameMissing,
    NoSuchUserGroup,
    NoUsersProvided,
    TooManyGroupUsers,
)
from cells.chat.domain.usergroups.events import subteam_created, subteam_members_changed, subteam_updated
from cells.chat.domain.usergroups.repository import UserGroups
from cells.chat.domain.usergroups.usergroup import UserGroup
from cells.chat.domain.users.repository import Users
from cells.runtime.log import Transaction
from chassis.identity import UserId, make_id

NAME_LENGTH_MAX = 80
HANDLE_LENGTH_MAX = 80
DESCRIPTION_LENGTH_MAX = 1_000
USERS_MAX = 1_000
DEFAULT_CHANNELS_MAX = 20
_HANDLE = re.compile(r"[\w.-]+")
_FORBIDDEN = frozenset(target[1:] for target in EVERYONE_TARGETS) | {"group"}
_NOT_IN_HANDLES = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class CreateUserGroup:
    creator_id: UserId
    name: str
    handle: str = ""
    description: str = ""
    channels: tuple[str, ...] = ()

    async def apply(self, tx: Transaction) -> UserGroup:
        """Without a handle of its own the group gets one made from its name."""
        groups = UserGroups(tx.connection, tx.scope)
        name, handle = checked_name(self.name), checked_handle(self.handle or handle_of(self.name))
        description = checked_description(self.description)
        if await groups.name_taken(name):
            raise GroupNameTaken
        if await groups.handle_taken(handle):
            raise HandleTaken
        await require_channels(tx, self.creator_id, self.channels)
        group = self._group(name, handle, description, tx.next_ts_us())
        await groups.insert(group)
        tx.append(subteam_created(group, tx.scope.workspace_id))
        return group

    def _group(self, name: str, handle: str, description: str, now_us: int) -> UserGroup:
        channels, by = ",".join(self.channels), self.creator_id
        return UserGroup(make_id("S"), name, handle, description, channels, by, by, now_us, now_us)


@dataclass(frozen=True, slots=True)
class UpdateUserGroupUsers:
    """The whole list, as it shall be from now on."""

    usergroup_id: str
    user_id: UserId
    users: tuple[str, ...]

    async def apply(self, tx: Transaction) -> UserGroup:
        groups = UserGroups(tx.connection, tx.scope)
        before = await groups.get(self.usergroup_id)
        if before is None:
            raise NoSuchUserGroup
        await self._require_users(tx)
        removed, added = sorted(set(before.users) - set(self.users)), sorted(set(self.users) - set(before.users))
        if not removed and not added:
            return before
        after = replace(before, users=tuple(sorted(self.users)), updated_by=self.user_id, updated_us=tx.next_ts_us())
        await groups.change_users(after, removed, added)
        tx.append(subteam_updated(after, tx.scope.workspace_id))
        tx.append(subteam_members_changed(before, after, tx.scope.workspace_id, removed, added))
        return after

    async def _require_users(self, tx: Transaction) -> None:
        if not self.users:
            raise NoUsersProvided
        if len(self.users) > USERS_MAX:
            raise TooManyGroupUsers
        known = await Users(tx.connection, tx.scope).get_many(self.users)
        if any(user_id not in known or known[user_id].deleted for user_id in self.users):
            raise InvalidUsers


async def require_channels(tx: Transaction, user_id: str, channel_ids: Sequence[str]) -> None:
    """Channels that a group's users shall be in: such as who names them may know of."""
    if len(channel_ids) > DEFAULT_CHANNELS_MAX:
        raise InvalidChannel
    for channel_id in channel_ids:
        standing = await Channels(tx.connection, tx.scope).get(channel_id, user_id)
        if standing is None or not standing.visible or standing.channel.is_direct:
            raise InvalidChannel


def checked_name(name: str) -> str:
    stored = name.strip()
    if not stored:
        raise NameMissing
    if len(stored) > NAME_LENGTH_MAX:
        raise GroupNameTooLong
    return stored


def checked_handle(handle: str) -> str:
    """As stored, a leading `@` dropped."""
    stored = handle.strip().removeprefix("@")
    if not _HANDLE.fullmatch(stored) or len(stored) > HANDLE_LENGTH_MAX or stored != stored.lower():
        raise BadHandle
    if stored in _FORBIDDEN:
        raise ForbiddenHandle
    return stored


def checked_description(description: str) -> str:
    if len(description) > DESCRIPTION_LENGTH_MAX:
        raise DescriptionTooLong
    return description


def handle_of(name: str) -> str:
    return _NOT_IN_HANDLES.sub("-", name.strip().lower()).strip("-")[:HANDLE_LENGTH_MAX]
