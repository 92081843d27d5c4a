"""users.getPresence, users.setPresence, users.setActive."""

from collections.abc import Iterable

import msgspec

from cells.chat.domain.presence.errors import InvalidPresence
from cells.chat.domain.presence.keeper import Presences
from cells.chat.domain.presence.service import SetAway, checked_presence
from cells.chat.domain.users.errors import UserNotFound
from cells.chat.domain.users.service import require_user
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.registry import Method, NoArguments, Tier
from chassis.flags import Flag


class GetArguments(msgspec.Struct):
    user: str | None = None


class SetArguments(msgspec.Struct):
    presence: str


def methods(presences: Presences) -> Iterable[Method]:
    async def get(call: Call[GetArguments]) -> Answer:
        """How it came about is told to the user alone."""
        user_id = call.arguments.user or call.bearer.user_id
        async with call.tenant.reading() as connection:
            await require_user(connection, call.tenant.scope, user_id)
        presence = (await presences.of(call.tenant, [user_id]))[user_id]
        if user_id != call.bearer.user_id:
            return {"presence": presence.shown}
        return {
            "presence": presence.shown,
            "online": presence.connections > 0,
            "auto_away": presence.auto_away,
            "manual_away": presence.manual_away,
            "connection_count": presence.connections,
            "last_activity": presence.active_us // 1_000_000,
        }

    async def set_(call: Call[SetArguments]) -> Answer:
        await call.tenant.commit(SetAway(call.bearer.user_id, checked_presence(call.arguments.presence)))
        presences.on_setting(call.tenant, call.bearer.user_id)
        return {}

    async def set_active(call: Call[NoArguments]) -> Answer:
        presences.on_activity(call.tenant, call.bearer.user_id)
        return {}

    return (
        Method("users.getPresence", get, Tier.THREE, GetArguments, ("users:read",), (UserNotFound,), flag=Flag.PRESENCE),
        Method("users.setPresence", set_, Tier.TWO, SetArguments, ("users:write",), (InvalidPresence,), flag=Flag.PRESENCE),
        Method("users.setActive", set_active, Tier.TWO, NoArguments, ("users:write",), flag=Flag.PRESENCE),
    )
