"""users.prefs.*: a person's settings, as clients keep them between starts."""

import msgspec

from cells.chat.domain.prefs.errors import InvalidPref
from cells.chat.domain.prefs.service import ChangePrefs, checked_prefs, prefs_of
from cells.chat.slack.arguments import Nested
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.registry import Method, NoArguments, Tier


class SetArguments(msgspec.Struct):
    prefs: Nested | None = None
    name: str = ""
    value: str = ""


async def get(call: Call[NoArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        return {"prefs": await prefs_of(connection, call.tenant.scope, call.bearer.user_id)}


async def set_(call: Call[SetArguments]) -> Answer:
    """`prefs` as an object, or one `name` with its `value`."""
    wanted = call.arguments
    given = wanted.prefs if wanted.prefs is not None else {wanted.name: wanted.value}
    return {"prefs": await call.tenant.commit(ChangePrefs(call.bearer.user_id, checked_prefs(given)))}


METHODS = (
    Method("users.prefs.get", get, Tier.THREE, NoArguments, ("users:read", "users:write")),
    Method("users.prefs.set", set_, Tier.THREE, SetArguments, ("users:write",), (InvalidPref,)),
)
