"""What an administrator asks of chat: JSON objects in and out; a refusal is a DomainError with its word."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cells.chat.domain.abuse.guard import Guard
from cells.chat.domain.audits.service import SYSTEM, note
from cells.chat.domain.errors import DomainError
from cells.chat.domain.plans.repository import Plans
from cells.chat.domain.plans.service import ChoosePlan
from cells.chat.domain.retention.repository import Retentions
from cells.chat.domain.retention.service import KeepMessages, Kept
from cells.chat.domain.roles.role import Role
from cells.chat.domain.teams.founding import AddPerson, FoundTeam
from cells.chat.domain.teams.repository import Teams
from cells.chat.domain.timestamps import read_ts, show_ts
from cells.chat.domain.tokens.granting import checked_expiry
from cells.chat.domain.tokens.scopes import checked_scopes
from cells.chat.domain.tokens.service import RevokeToken, RevokeTokenById, insert_token
from cells.chat.domain.tokens.token import NewToken, Token
from cells.chat.domain.users.errors import UserDisabled, UserNotFound
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.service import checked_email
from cells.chat.domain.users.user import User
from cells.chat.domain.versions.repository import Versions
from cells.chat.domain.versions.showing import version_face
from cells.chat.slack.bearers import Bearers
from cells.runtime.log import Transaction
from cells.runtime.workload import Command, Tenant


class BadCommand(DomainError):
    """An argument is missing or of the wrong type; the detail names it."""

    code = "invalid_arguments"


def commands(bearers: Bearers, guard: Guard) -> Mapping[str, Command]:
    async def revoke(tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """By the token itself, or by the id that `token.list` shows."""
        named = text_of(arguments, "token")
        await tenant.commit(RevokeToken(named) if "-" in named else RevokeTokenById(named, SYSTEM))
        bearers.forget(tenant)
        return {"revoked": True}

    async def set_plan(tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        plan = await tenant.commit(ChoosePlan(text_of(arguments, "plan")))
        guard.forget(str(tenant.scope.workspace_id))
        return asdict(plan)

    return {
        "plan.set": set_plan,
        "plan.show": show_plan,
        "retention.set": set_retention,
        "retention.show": show_retention,
        "message.versions": show_versions,
        "user.add": add_user,
        "token.create": create,
        "token.revoke": revoke,
    }


async def admit_workspace(tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Founds the workspace, once; tokens are in the first answer alone."""
    domain = text_of(arguments, "subdomain")
    email = text_of(arguments, "owner_email", default=f"owner@{domain}.example.com")
    plan = text_of(arguments, "plan", default="")
    founded = await tenant.commit(FoundTeam(text_of(arguments, "name", default=domain), domain, email, plan))
    team = founded.team
    answer = {"owner_id": team.owner_id, "bot_id": team.bot_user_id, "general_id": team.general_id}
    if not founded.owner_token:
        return answer
    return {"tokens": {"owner": founded.owner_token, "bot": founded.bot_token}, **answer}


async def show_plan(tenant: Tenant, _: Mapping[str, Any]) -> Mapping[str, Any]:
    async with tenant.reading() as connection:
        return asdict(await Plans(connection, tenant.scope).get())


async def set_retention(tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """`days`: how long messages are kept; without it for as long as the plan says."""
    days = arguments.get("days")
    if days is not None and (isinstance(days, bool) or not isinstance(days, int)):
        raise BadCommand("days must be a number of days")
    return asdict(await tenant.commit(KeepMessages(days)))


async def show_retention(tenant: Tenant, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """And when the oldest message was said that is still there."""
    async with tenant.reading() as connection:
        retentions = Retentions(connection, tenant.scope)
        own, oldest_us = await retentions.days(), await retentions.oldest_us()
        plan = await Plans(connection, tenant.scope).get()
    kept = Kept(plan.message_days, "plan") if own is None else Kept(own, "workspace")
    return asdict(kept) | {"oldest_ts": None if oldest_us is None else show_ts(oldest_us)}


async def show_versions(tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a message said before it was edited or deleted (`channel`, `ts`), the oldest first."""
    channel, ts_us = text_of(arguments, "channel"), read_ts(text_of(arguments, "ts"))
    if ts_us is None:
        raise BadCommand("ts must be a message's timestamp")
    async with tenant.reading() as connection:
        found = await Versions(connection, tenant.scope).of(channel, ts_us)
    return {"versions": [version_face(version) for version in found]}


async def add_user(tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    email = checked_email(text_of(arguments, "email"))
    role = Role.of_person(text_of(arguments, "role", default=str(Role.MEMBER)))
    joined = await tenant.commit(AddPerson(email, text_of(arguments, "name", default=""), role))
    return {"user_id": joined.user.user_id, "email": joined.user.email, "token": joined.token}


async def create(tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """For a user by id (`user`) or address (`email`), or for the built-in bot (`bot`); the owner where none is named."""
    scopes = checked_scopes(scopes_of(arguments))
    seconds = arguments.get("expires_in")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int)):
        raise BadCommand("expires_in must be a number of seconds")
    change = CreateToken(
        user_id=text_of(arguments, "user", default=""),
        email=text_of(arguments, "email", default=""),
        bot=bool(arguments.get("bot")),
        scopes=scopes,
        expires_in_s=seconds,
        note=text_of(arguments, "note", default=""),
    )
    token, kept = await tenant.commit(change)
    ends = {"expires": kept.expires_us // 1_000_000} if kept.expires_us else {}
    return {"token": token, "token_id": kept.token_id, "user_id": kept.user_id, "scopes": list(scopes), **ends}


@dataclass(frozen=True, slots=True)
class CreateToken:
    user_id: str
    email: str
    bot: bool
    scopes: tuple[str, ...]
    expires_in_s: int | None
    note: str

    async def apply(self, tx: Transaction) -> tuple[str, Token]:
        user = await self._user(tx)
        if user is None:
            raise UserNotFound("no such user in this workspace")
        if user.deleted:
            raise UserDisabled
        ends_us = checked_expiry(self.expires_in_s, tx.next_ts_us())
        token, kept = await insert_token(tx, NewToken(user, self.scopes, ends_us, note=self.note))
        await note(tx, SYSTEM, "token.created", user.user_id, detail=kept.token_id)
        return token, kept

    async def _user(self, tx: Transaction) -> User | None:
        users = Users(tx.connection, tx.scope)
        if self.email:
            return await users.get_by_email(self.email)
        if self.user_id:
            return await users.get(self.user_id)
        team = await Teams(tx.connection, tx.scope).get()
        return await users.get(team.bot_user_id if self.bot else team.owner_id) if team else None


def text_of(arguments: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    value = arguments.get(name)
    if value in (None, "") and default is not None:
        return default
    if not isinstance(value, str) or not value or "\x00" in value:
        raise BadCommand(f"{name} must be a string that is not empty")
    return value


def scopes_of(arguments: Mapping[str, Any]) -> list[str] | None:
    """A list of names, or names separated by commas."""
    value = arguments.get("scopes")
    if value in (None, "", []):
        return None
    if isinstance(value, str):
        return [scope.strip() for scope in value.split(",") if scope.strip()]
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        raise BadCommand("scopes must be a list of strings")
    return value
