"""Who may be asked for, and how a person comes in."""

import re
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.addresses.planning import plan_report
from cells.chat.domain.plans.service import require_room_for_member
from cells.chat.domain.roles.role import Role
from cells.chat.domain.users.errors import AlreadyInTeam, InvalidEmail, UserNotFound, UsersNotFound
from cells.chat.domain.users.events import user_joined_team
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.user import User
from cells.runtime.log import Transaction
from cells.runtime.tenancy import TenantScope
from chassis.identity import AppId, BotId, UserId, make_id

EMAIL_LENGTH_MAX = 254
NAME_LENGTH_MAX = 80
_EMAIL = re.compile(r"[^@\s\x00-\x20]+@[^@\s\x00-\x20]+")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Newcomer:
    email: str | None
    real_name: str = ""
    role: Role = Role.MEMBER
    bot_id: BotId | None = None
    app_id: AppId | None = None


async def require_user(connection: AsyncConnection, scope: TenantScope, user_id: str) -> User:
    user = await Users(connection, scope).get(user_id)
    if user is None:
        raise UserNotFound
    return user


async def require_user_by_email(connection: AsyncConnection, scope: TenantScope, email: str) -> User:
    user = await Users(connection, scope).get_by_email(email)
    if user is None or user.deleted:
        raise UsersNotFound
    return user


async def add_user(tx: Transaction, newcomer: Newcomer) -> User:
    """Store a person or a bot user and say so; names are made from the address (or real name) and unique here."""
    users = Users(tx.connection, tx.scope)
    if newcomer.email is not None:
        email = checked_email(newcomer.email)
        if await users.get_by_email(email):
            raise AlreadyInTeam(f"{email} is in this workspace already")
        await require_room_for_member(tx)
    user = _user_of(newcomer, await _free_name(users, newcomer), tx.next_ts_us())
    await users.insert(user)
    if user.email is not None:
        await plan_report(tx)
    tx.append(user_joined_team(user, tx.scope.workspace_id))
    return user


def checked_email(email: str) -> str:
    if len(email) > EMAIL_LENGTH_MAX or not _EMAIL.fullmatch(email):
        raise InvalidEmail(f"not an e-mail address: {email[:EMAIL_LENGTH_MAX]!r}")
    return email


def _user_of(newcomer: Newcomer, name: str, now_us: int) -> User:
    return User(
        user_id=UserId(make_id("U")),
        name=name,
        real_name=newcomer.real_name.replace("\x00", "")[:NAME_LENGTH_MAX] or name,
        email=newcomer.email,
        bot_id=newcomer.bot_id,
        app_id=newcomer.app_id,
        role=newcomer.role,
        deleted=False,
        created_us=now_us,
        updated_us=now_us,
    )


async def _free_name(users: Users, newcomer: Newcomer) -> str:
    wish = newcomer.email.partition("@")[0] if newcomer.email else newcomer.real_name
    stem = _NOT_IN_NAMES.sub("_", wish.lower())[: NAME_LENGTH_MAX - 8] or "user"
    taken = await users.names_like(stem)
    return next(name for name in (stem, *(f"{stem}{n}" for n in range(2, len(taken) + 3))) if name not in taken)
