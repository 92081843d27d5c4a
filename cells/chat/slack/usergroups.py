"""usergroups.*: making groups, and saying who is in them."""

import msgspec

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
    PermissionDenied,
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
    include_users: bool = False


class UpdateUsersArguments(msgspec.Struct):
    usergroup: str
    users: str = ""


class UsersArguments(msgspec.Struct):
    usergroup: str


async def create(call: Call[CreateArguments]) -> Answer:
    _require_person(call)
    wanted = call.arguments
    change = CreateUserGroup(call.bearer.user_id, wanted.name, wanted.handle, wanted.description, ids_of(wanted.channels))
    return {"usergroup": _shown(call, await call.tenant.commit(change), users=False)}


async def list_(call: Call[ListArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        found = await UserGroups(connection, call.tenant.scope).every(GROUPS_MAX)
    return {"usergroups": [_shown(call, group, users=call.arguments.include_users) for group in found]}


async def update_users(call: Call[UpdateUsersArguments]) -> Answer:
    _require_person(call)
    change = UpdateUserGroupUsers(call.arguments.usergroup, call.bearer.user_id, ids_of(call.arguments.users))
    return {"usergroup": _shown(call, await call.tenant.commit(change), users=True)}


async def users(call: Call[UsersArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        group = await UserGroups(connection, call.tenant.scope).get(call.arguments.usergroup)
    if group is None:
        raise NoSuchUserGroup
    return {"users": list(group.users)}


def _require_person(call: Call[CreateArguments] | Call[UpdateUsersArguments]) -> None:
    if call.bearer.bot_id is not None:
        raise PermissionDenied


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

METHODS = (
    Method("usergroups.create", create, Tier.TWO, CreateArguments, _WRITE, _CREATES),
    Method("usergroups.list", list_, Tier.TWO, ListArguments, _READ),
    Method("usergroups.users.update", update_users, Tier.TWO, UpdateUsersArguments, _WRITE, _UPDATES),
    Method("usergroups.users.list", users, Tier.TWO, UsersArguments, _READ, (NoSuchUserGroup,)),
)
