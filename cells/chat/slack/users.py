"""users.*"""

from typing import Any

import msgspec

from cells.chat.domain.members.repository import Members
from cells.chat.domain.users.errors import UserNotFound, UserNotVisible, UsersNotFound
from cells.chat.domain.users.events import profile_face, user_face
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.service import require_user, require_user_by_email
from cells.chat.domain.users.user import User
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidCursor
from cells.chat.slack.paging import LIMIT_MAX, next_cursor, page_size, read_cursor, write_cursor
from cells.chat.slack.registry import Method, NoArguments, Tier

EMAIL_SCOPE = "users:read.email"
LOCALE = "en-US"


class ListArguments(msgspec.Struct):
    cursor: str | None = None
    limit: int | None = None
    include_locale: bool = False


class InfoArguments(msgspec.Struct):
    user: str
    include_locale: bool = False


class LookupArguments(msgspec.Struct):
    email: str


async def list_(call: Call[ListArguments]) -> Answer:
    """Without a limit, as many as a page may hold."""
    size = page_size(call.arguments.limit, LIMIT_MAX)
    after_id = read_cursor("user", call.arguments.cursor)
    async with call.tenant.reading() as connection:
        found = await Users(connection, call.tenant.scope).page(after_id, size + 1)
        shown = await _visible(call, connection, found[:size])
    cursor = write_cursor("user", found[size - 1].user_id) if len(found) > size else ""
    return {
        "members": [_face(call, user, locale=call.arguments.include_locale) for user in shown],
        "cache_ts": call.clock.now_us() // 1_000_000,
        "response_metadata": next_cursor(cursor),
    }


async def info(call: Call[InfoArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        user = await require_user(connection, call.tenant.scope, call.arguments.user)
        if not await _visible(call, connection, [user]):
            raise UserNotVisible
    return {"user": _face(call, user, locale=call.arguments.include_locale)}


async def lookup_by_email(call: Call[LookupArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        user = await require_user_by_email(connection, call.tenant.scope, call.arguments.email)
        if not await _visible(call, connection, [user]):
            raise UsersNotFound
    return {"user": _face(call, user, locale=False)}


async def identity(call: Call[NoArguments]) -> Answer:
    """Whose token it is, for "Sign in with" (https://api.slack.com/methods/users.identity)."""
    async with call.tenant.reading() as connection:
        user = await require_user(connection, call.tenant.scope, call.bearer.user_id)
    face = profile_face(user, call.team_id, call.clock.now_us())
    pictures = {name: value for name, value in face.items() if name.startswith("image_")}
    email = {"email": user.email} if user.email is not None else {}
    who = {"id": user.user_id, "name": user.real_name, **email, **pictures}
    return {"user": who, "team": {"id": call.team_id, "name": call.bearer.team_name, "domain": call.bearer.team_domain}}


async def _visible(call: Call[Any], connection: Any, users: list[User]) -> list[User]:
    """Guests know of people with whom they share a conversation, and of themselves."""
    if not call.bearer.role.is_guest:
        return users
    shared = await Members(connection, call.tenant.scope).sharing(call.bearer.user_id, [user.user_id for user in users])
    return [user for user in users if user.user_id in shared or user.user_id == call.bearer.user_id]


def _face(call: Call[msgspec.Struct], user: User, *, locale: bool) -> Answer:
    """An address is shown only to tokens that may read addresses."""
    face = user_face(user, call.team_id, call.clock.now_us())
    if EMAIL_SCOPE not in call.bearer.scopes:
        face["profile"].pop("email", None)
    return face | {"locale": LOCALE} if locale else face


METHODS = (
    Method("users.list", list_, Tier.TWO, ListArguments, ("users:read",), (InvalidCursor,)),
    Method("users.info", info, Tier.FOUR, InfoArguments, ("users:read",), (UserNotFound, UserNotVisible)),
    Method("users.lookupByEmail", lookup_by_email, Tier.THREE, LookupArguments, (EMAIL_SCOPE,), (UsersNotFound,)),
    Method("users.identity", identity, Tier.THREE, NoArguments, ("identity:read",)),
)
