"""admin.users.*: what administrators decide about people (https://api.slack.com/methods/admin.users.list).

`team_id`, which Slack asks for, is not needed: a token opens one workspace.
"""

from typing import Any

import msgspec

from cells.chat.domain.accounts.service import Actor, ChangeRole, SwitchOff, SwitchOn
from cells.chat.domain.roles.actions import Action, require_may
from cells.chat.domain.roles.errors import NotAnAdmin
from cells.chat.domain.roles.role import Role
from cells.chat.domain.users.errors import CannotChangeBot, CannotChangeOwner, UserNotFound
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.user import User
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidCursor
from cells.chat.slack.paging import next_cursor, page_size, read_cursor, write_cursor
from cells.chat.slack.registry import Method, Tier

PAGE = 100
READ, WRITE = ("admin.users:read",), ("admin.users:write",)


class UserArguments(msgspec.Struct):
    user_id: str


class RestrictArguments(msgspec.Struct):
    user_id: str
    is_ultra_restricted: bool = False


class ListArguments(msgspec.Struct):
    cursor: str | None = None
    limit: int | None = None


def actor_of(call: Call[Any]) -> Actor:
    """Raises NotAnAdmin."""
    require_may(call.bearer.role, Action.MANAGE_PEOPLE)
    return Actor(call.bearer.user_id, call.bearer.role)


async def list_(call: Call[ListArguments]) -> Answer:
    require_may(call.bearer.role, Action.MANAGE_PEOPLE)
    size, after_id = page_size(call.arguments.limit, PAGE), read_cursor("user", call.arguments.cursor)
    async with call.tenant.reading() as connection:
        found = await Users(connection, call.tenant.scope).page(after_id, size + 1)
    cursor = write_cursor("user", found[size - 1].user_id) if len(found) > size else ""
    return {"users": [_face(user) for user in found[:size]], "response_metadata": next_cursor(cursor)}


def _face(user: User) -> Answer:
    return {
        "id": user.user_id,
        "email": user.email or "",
        "username": user.name,
        "full_name": user.real_name,
        "is_admin": user.role.is_admin,
        "is_owner": user.role.is_owner,
        "is_primary_owner": user.role is Role.PRIMARY_OWNER,
        "is_restricted": user.role.is_guest,
        "is_ultra_restricted": user.role is Role.SINGLE_GUEST,
        "is_bot": user.bot_id is not None,
        "is_active": not user.deleted,
        "date_created": user.created_us // 1_000_000,
        "deactivated_ts": user.updated_us // 1_000_000 if user.deleted else 0,
        "has_2fa": user.has_2fa,
    }


class Accounts:
    def __init__(self, bearers: Bearers) -> None:
        self._bearers = bearers

    async def remove(self, call: Call[UserArguments]) -> Answer:
        await call.tenant.commit(SwitchOff(call.arguments.user_id, actor_of(call)))
        return self._changed(call)

    async def restore(self, call: Call[UserArguments]) -> Answer:
        await call.tenant.commit(SwitchOn(call.arguments.user_id, actor_of(call)))
        return self._changed(call)

    async def set_regular(self, call: Call[UserArguments]) -> Answer:
        return await self._set(call, Role.MEMBER)

    async def set_admin(self, call: Call[UserArguments]) -> Answer:
        return await self._set(call, Role.ADMIN)

    async def set_owner(self, call: Call[UserArguments]) -> Answer:
        return await self._set(call, Role.OWNER)

    async def set_restricted(self, call: Call[RestrictArguments]) -> Answer:
        return await self._set(call, Role.SINGLE_GUEST if call.arguments.is_ultra_restricted else Role.GUEST)

    async def _set(self, call: Call[Any], role: Role) -> Answer:
        await call.tenant.commit(ChangeRole(call.arguments.user_id, role, actor_of(call)))
        return self._changed(call)

    def _changed(self, call: Call[Any]) -> Answer:
        self._bearers.forget(call.tenant)
        return {}

    def methods(self) -> tuple[Method, ...]:
        refusals = (NotAnAdmin, UserNotFound, CannotChangeOwner, CannotChangeBot)
        handlers = {
            "remove": self.remove,
            "restore": self.restore,
            "setRegular": self.set_regular,
            "setAdmin": self.set_admin,
            "setOwner": self.set_owner,
        }
        return (
            Method("admin.users.list", list_, Tier.FOUR, ListArguments, READ, (NotAnAdmin, InvalidCursor)),
            *(Method(f"admin.users.{name}", handler, Tier.TWO, UserArguments, WRITE, refusals) for name, handler in handlers.items()),
            Method("admin.users.setRestricted", self.set_restricted, Tier.TWO, RestrictArguments, WRITE, refusals),
        )
