"""What an administrator asks about people and tokens: JSON objects in and out (see `commands`). The actor is `system`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cells.chat.commands import BadCommand, text_of
from cells.chat.domain.accounts.service import Actor, ChangeRole, SwitchOff, SwitchOn
from cells.chat.domain.audits.repository import Audits
from cells.chat.domain.invitations.repository import Invitations
from cells.chat.domain.invitations.service import Invite, Revoke
from cells.chat.domain.roles.role import Role
from cells.chat.domain.signin.linking import MakeLink
from cells.chat.domain.signin.repository import LinkKind
from cells.chat.domain.signin.securing import RemoveTotp
from cells.chat.domain.tokens.repository import Tokens
from cells.chat.domain.users.errors import UserNotFound
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.user import User
from cells.chat.slack.granting import checked_days_us, invitation_face, token_face
from cells.chat.slack.letters import invitation_letter, invitation_url, page_of, reset_letter
from cells.chat.slack.people import People
from cells.chat.slack.team import require_team
from cells.runtime.workload import Command, Tenant
from chassis.clock import Clock
from chassis.identity import UserId

OPERATOR = Actor()
LIST_MAX, AUDITS_MAX = 1_000, 200
LATEST_US = 1 << 62


def people_commands(people: People, clock: Clock) -> Mapping[str, Command]:
    verbs = PeopleCommands(people, clock)
    return {
        "user.deactivate": verbs.deactivate,
        "user.reactivate": verbs.reactivate,
        "user.role": verbs.role,
        "user.invite": verbs.invite,
        "user.invitations": verbs.invitations,
        "user.uninvite": verbs.uninvite,
        "user.link": verbs.link,
        "user.totp_off": verbs.totp_off,
        "user.audit": verbs.audit,
        "token.list": verbs.tokens,
    }


class PeopleCommands:
    def __init__(self, people: People, clock: Clock) -> None:
        self._people, self._clock = people, clock

    async def deactivate(self, tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._changed(tenant, await tenant.commit(SwitchOff((await _user(tenant, arguments)).user_id, OPERATOR)))

    async def reactivate(self, tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._changed(tenant, await tenant.commit(SwitchOn((await _user(tenant, arguments)).user_id, OPERATOR)))

    async def role(self, tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        role = Role.of_person(text_of(arguments, "role"))
        return self._changed(tenant, await tenant.commit(ChangeRole((await _user(tenant, arguments)).user_id, role, OPERATOR)))

    async def invite(self, tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Sends the mail, and answers with the link too: whoever runs the platform may hand it over in another way."""
        role = Role.of_person(text_of(arguments, "role", default=str(Role.MEMBER)))
        team = await require_team(tenant)
        channels = tuple(filter(None, text_of(arguments, "channels", default="").replace(" ", "").split(",")))
        actor = Actor(team.owner_id, Role.OWNER)
        days_us = checked_days_us(_number(arguments, "days", 7))
        wanted = Invite(text_of(arguments, "email"), role, actor, text_of(arguments, "name", default=""), channels, days_us)
        made, code = await tenant.commit(wanted)
        page = page_of(self._people.public_url, team.domain)
        self._people.mailer.send(invitation_letter(made.email, team.name, page, code, team.name))
        return {"invitation_id": made.invitation_id, "email": made.email, "role": str(made.role), "link": invitation_url(page, code)}

    async def invitations(self, tenant: Tenant, _: Mapping[str, Any]) -> Mapping[str, Any]:
        async with tenant.reading() as connection:
            found = await Invitations(connection, tenant.scope).open(self._clock.now_us(), LIST_MAX)
        return {"invitations": [invitation_face(invitation) for invitation in found]}

    async def uninvite(self, tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        await tenant.commit(Revoke(text_of(arguments, "invitation"), OPERATOR))
        return {"revoked": True}

    async def link(self, tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """With which the person sets a password: for a first owner, and where no mail goes out. Good once, for 15 minutes."""
        user = await _user(tenant, arguments)
        code = await tenant.commit(MakeLink(user.email or "", LinkKind.RESET))
        if code is None:
            raise UserNotFound("nobody active has this address, or they got too many links within the hour")
        team = await require_team(tenant)
        page = page_of(self._people.public_url, team.domain)
        self._people.mailer.send(reset_letter(user.email or "", team.name, page, code))
        return {"email": user.email, "link": f"{page}signin#reset={code}", "code": code}

    async def totp_off(self, tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        user = await _user(tenant, arguments)
        await tenant.commit(RemoveTotp(UserId(user.user_id), None, OPERATOR.user_id))
        return {"user_id": user.user_id, "totp": False}

    async def audit(self, tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The newest first."""
        limit = min(max(_number(arguments, "limit", 50), 1), AUDITS_MAX)
        async with tenant.reading() as connection:
            found = await Audits(connection, tenant.scope).page(LATEST_US, limit)
        return {"entries": [_entry(one.at_us) | _facts(one) for one in found]}

    async def tokens(self, tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those that live; the tokens themselves are not known here."""
        named = {"user", "email"} & arguments.keys()
        user_id = (await _user(tenant, arguments)).user_id if named else ""
        async with tenant.reading() as connection:
            kept = Tokens(connection, tenant.scope)
            found = await (kept.of_user(user_id, LIST_MAX) if user_id else kept.every(LIST_MAX))
        now_us = self._clock.now_us()
        return {"tokens": [token_face(token) for token in found if token.lives(now_us)]}

    def _changed(self, tenant: Tenant, user: User) -> Mapping[str, Any]:
        self._people.bearers.forget(tenant)
        return {"user_id": user.user_id, "email": user.email, "role": str(user.role), "active": not user.deleted}


async def _user(tenant: Tenant, arguments: Mapping[str, Any]) -> User:
    """By id (`user`) or address (`email`)."""
    email = text_of(arguments, "email", default="")
    async with tenant.reading() as connection:
        users = Users(connection, tenant.scope)
        found = await (users.get_by_email(email) if email else users.get(text_of(arguments, "user")))
    if found is None:
        raise UserNotFound("no such user in this workspace")
    return found


def _entry(at_us: int) -> dict[str, Any]:
    return {"at": datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="seconds")}


def _facts(entry: Any) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in ("actor", "action", "target", "address", "detail")}


def _number(arguments: Mapping[str, Any], name: str, default: int) -> int:
    value = arguments.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadCommand(f"{name} must be a whole number")
    return value
