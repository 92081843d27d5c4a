"""usergroups.*: making groups, and saying who is in them."""

import msgspec

from cells.chat.domain.roles.actions import Action, require_may
from cells.chat.domain.roles.errors import PermissionDenied
from cells.chat.domain.usergroups.changing import SwitchUserGroup, UpdateUserGroup
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
from cells.chat.domain.usergroups.events import usergroup_face
from cells.chat.domain.usergroups.repository import UserGroups
from cells.chat.domain.usergroups.service import CreateUserGroup, UpdateUserGroupUsers
from cells.chat.domain.usergroups.usergroup import UserGroup
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.conversations import ids_of
from cells.chat.slack.registry import Method, Tier

GROUPS_MAX = 1_000
"""Groups in one answer."""


class CreateArguments(msgspec.Struct):
    name: str = ""
    handle: str = ""
    description: str = ""
    channels: str = ""
    include_count: bool = False


class ListArguments(msgspec.Struct):
    include_count: bool = False
    include_disabled: bool = False
    include_users: bool = False


class UpdateArguments(msgspec.Struct):
    usergroup: str
    name: str | None = None
    handle: str | None = None
    description: str | None = None
    channels: str | None = None
    include_count: bool = False


class UpdateUsersArguments(msgspec.Struct):
    usergroup: str
    users: str = ""


class UsersArguments(msgspec.Struct):
    usergroup: str
    include_disabled: bool = False


class SwitchArguments(msgspec.Struct):
    usergroup: str
    include_count: bool = False


async def create(call: Call[CreateArguments]) -> Answer:
    require_may(call.bearer.role, Action.MANAGE_USER_GROUPS)
    wanted = call.arguments
    change = CreateUserGroup(call.bearer.user_id, wanted.name, wanted.handle, wanted.description, ids_of(wanted.channels))
    return {"usergroup": _shown(call, await call.tenant.commit(change), users=False)}


async def list_(call: Call[ListArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        found = await UserGroups(connection, call.tenant.scope).every(GROUPS_MAX, with_disabled=call.arguments.include_disabled)
    return {"usergroups": [_shown(call, group, users=call.arguments.include_users) for group in found]}


async def update(call: Call[UpdateArguments]) -> Answer:
    require_may(call.bearer.role, Action.MANAGE_USER_GROUPS)
    wanted = call.arguments
    channels = None if wanted.channels is None else ids_of(wanted.channels)
    change = UpdateUserGroup(wanted.usergroup, call.bearer.user_id, wanted.name, wanted.handle, wanted.description, channels)
    return {"usergroup": _shown(call, await call.tenant.commit(change), users=True)}


async def disable(call: Call[SwitchArguments]) -> Answer:
    return await _switch(call, on=False)


async def enable(call: Call[SwitchArguments]) -> Answer:
    return await _switch(call, on=True)


async def _switch(call: Call[SwitchArguments], *, on: bool) -> Answer:
    require_may(call.bearer.role, Action.MANAGE_USER_GROUPS)
    change = SwitchUserGroup(call.arguments.usergroup, call.bearer.user_id, on)
    return {"usergroup": _shown(call, await call.tenant.commit(change), users=True)}


async def update_users(call: Call[UpdateUsersArguments]) -> Answer:
    require_may(call.bearer.role, Action.MANAGE_USER_GROUPS)
    change = UpdateUserGroupUsers(call.arguments.usergroup, call.bearer.user_id, ids_of(call.arguments.users))
    return {"usergroup": _shown(call, await call.tenant.commit(change), users=True)}


async def users(call: Call[UsersArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        group = await UserGroups(connection, call.tenant.scope).get(call.arguments.usergroup)
    if group is None or (group.deleted_us and not call.arguments.include_disabled):
        raise NoSuchUserGroup
    return {"users": list(group.users)}


def _shown(call: Call[msgspec.Struct], group: UserGroup, *, users: bool) -> Answer:
    face = usergroup_face(group, call.team_id)
    return face | {"users": list(group.users)} if users else face


_READ, _WRITE = ("usergroups:read",), ("usergroups:write",)
_CREATES = (
    NameMissing,
    GroupNameTooLong,
    GroupNameTaken,
    BadHandle,
    ForbiddenHandle,
    HandleTaken,
    DescriptionTooLong,
    InvalidChannel,
    PermissionDenied,
)
_UPDATES = (NoSuchUserGroup, NoUsersProvided, InvalidUsers, TooManyGroupUsers, PermissionDenied)
_SWITCHES = (NoSuchUserGroup, PermissionDenied)

METHODS = (
    Method("usergroups.create", create, Tier.TWO, CreateArguments, _WRITE, _CREATES),
    Method("usergroups.update", update, Tier.TWO, UpdateArguments, _WRITE, (*_CREATES, NoSuchUserGroup)),
    Method("usergroups.disable", disable, Tier.TWO, SwitchArguments, _WRITE, _SWITCHES),
    Method("usergroups.enable", enable, Tier.TWO, SwitchArguments, _WRITE, _SWITCHES),
    Method("usergroups.list", list_, Tier.TWO, ListArguments, _READ),
    Method("usergroups.users.update", update_users, Tier.TWO, UpdateUsersArguments, _WRITE, _UPDATES),
    Method("usergroups.users.list", users, Tier.TWO, UsersArguments, _READ, (NoSuchUserGroup,)),
)
