"""users.*"""

import msgspec

from cells.chat.domain.users.errors import UserNotFound, UsersNotFound
from cells.chat.domain.users.events import user_face
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.service import require_user, require_user_by_email
from cells.chat.domain.users.user import User
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidCursor
from cells.chat.slack.paging import LIMIT_MAX, next_cursor, page_size, read_cursor, write_cursor
from cells.chat.slack.registry import Method, Tier

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
    shown = found[:size]
    cursor = write_cursor("user", shown[-1].user_id) if len(found) > size else ""
    return {
        "members": [_face(call, user, locale=call.arguments.include_locale) for user in shown],
        "cache_ts": call.clock.now_us() // 1_000_000,
        "response_metadata": next_cursor(cursor),
    }


async def info(call: Call[InfoArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        user = await require_user(connection, call.tenant.scope, call.arguments.user)
    return {"user": _face(call, user, locale=call.arguments.include_locale)}


async def lookup_by_email(call: Call[LookupArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        user = await require_user_by_email(connection, call.tenant.scope, call.arguments.email)
    return {"user": _face(call, user, locale=False)}


def _face(call: Call[msgspec.Struct], user: User, *, locale: bool) -> Answer:
    """An address is shown only to tokens that may read addresses."""
    face = user_face(user, call.team_id, call.clock.now_us())
    if EMAIL_SCOPE not in call.bearer.scopes:
        face["profile"].pop("email", None)
    return face | {"locale": LOCALE} if locale else face


METHODS = (
    Method("users.list", list_, Tier.TWO, ListArguments, ("users:read",), (InvalidCursor,)),
    Method("users.info", info, Tier.FOUR, InfoArguments, ("users:read",), (UserNotFound,)),
    Method("users.lookupByEmail", lookup_by_email, Tier.THREE, LookupArguments, (EMAIL_SCOPE,), (UsersNotFound,)),
)
