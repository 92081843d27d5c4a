"""users.profile.*"""

from typing import Any

import msgspec

from cells.chat.domain.users.errors import InvalidProfile, NotAdmin, ProfileTooLong, UserNotFound
from cells.chat.domain.users.events import profile_face
from cells.chat.domain.users.profile import checked_profile
from cells.chat.domain.users.profiling import ChangeProfile
from cells.chat.domain.users.service import require_user
from cells.chat.domain.users.user import User
from cells.chat.slack.arguments import Nested
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.users import EMAIL_SCOPE
from chassis.identity import UserId


class GetArguments(msgspec.Struct):
    user: str | None = None


class SetArguments(msgspec.Struct):
    profile: Nested | None = None
    name: str | None = None
    value: str | None = None
    user: str | None = None


async def get(call: Call[GetArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        user = await require_user(connection, call.tenant.scope, call.arguments.user or call.bearer.user_id)
    return {"profile": shown_profile(call, user)}


async def set_(call: Call[SetArguments]) -> Answer:
    """`profile` as an object, or one `name` with its `value`."""
    user_id = call.arguments.user or call.bearer.user_id
    if user_id != call.bearer.user_id and not call.bearer.role.is_admin:
        raise NotAdmin
    user = await call.tenant.commit(ChangeProfile(UserId(user_id), checked_profile(_given(call.arguments))))
    return {"profile": shown_profile(call, user), "username": user.name}


def _given(arguments: SetArguments) -> object:
    if arguments.profile is not None:
        return arguments.profile
    if not arguments.name:
        raise InvalidProfile("give profile, or name and value")
    return {arguments.name: arguments.value or ""}


def shown_profile(call: Call[Any], user: User) -> Answer:
    """An address is shown only to tokens that may read addresses."""
    face = profile_face(user, call.team_id, call.clock.now_us())
    if EMAIL_SCOPE not in call.bearer.scopes:
        face.pop("email", None)
    return face


METHODS = (
    Method("users.profile.get", get, Tier.FOUR, GetArguments, ("users.profile:read", "users:read"), (UserNotFound,)),
    Method(
        "users.profile.set",
        set_,
        Tier.THREE,
        SetArguments,
        ("users.profile:write",),
        (InvalidProfile, ProfileTooLong, NotAdmin, UserNotFound),
    ),
)
