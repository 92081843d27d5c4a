"""client.userBoot: what a person's client needs at its start, in one call."""

from cells.chat.domain.channels.channel import ChannelKind, Standing
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.prefs.service import prefs_of
from cells.chat.domain.stars.repository import Stars
from cells.chat.domain.users.events import user_face
from cells.chat.domain.users.service import require_user
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.conversations import shown_read, standing_face
from cells.chat.slack.registry import Method, NoArguments, Tier
from cells.chat.slack.scopes import READ, any_of
from cells.chat.slack.stars import LATEST_US
from cells.chat.slack.team import icon_of

CHANNELS_MAX = 10_000
STARRED_MAX = 1_000


async def user_boot(call: Call[NoArguments]) -> Answer:
    """Of the kinds of conversation that the token may read; four statements, however many conversations."""
    scope, user_id, bearer = call.tenant.scope, call.bearer.user_id, call.bearer
    kinds = [kind for kind, scopes in READ.items() if not bearer.scopes.isdisjoint(scopes)]
    async with call.tenant.reading() as connection:
        user = await require_user(connection, scope, user_id)
        prefs = await prefs_of(connection, scope, user_id)
        found = await Channels(connection, scope).page_of(user_id, user_id, kinds, "", CHANNELS_MAX, with_archived=False)
        stars = await Stars(connection, scope, user_id).page(LATEST_US, STARRED_MAX)
    return {
        "self": user_face(user, call.team_id, call.clock.now_us()) | {"prefs": prefs},
        "team": {
            "id": call.team_id,
            "name": bearer.team_name,
            "domain": bearer.team_domain,
            "url": call.origin.page_url(bearer.team_domain),
            "icon": icon_of(call, bearer.team_domain),
        },
        "channels": [_face(call, standing) for standing in found if standing.channel.kind is not ChannelKind.IM],
        "ims": [_face(call, standing) for standing in found if standing.channel.kind is ChannelKind.IM],
        "is_open": [standing.channel.channel_id for standing in found if standing.channel.is_direct and standing.is_open],
        "starred": [star.channel_id for star in stars if star.kind == "channel"],
        "subteams": {"self": []},
        "read_only_channels": [],
        "non_threadable_channels": [],
        "workspaces": [],
        "cache_ts": call.clock.now_us() // 1_000_000,
    }


def _face(call: Call[NoArguments], standing: Standing) -> Answer:
    return standing_face(call, standing) | {"last_read": shown_read(standing.last_read_us)}


METHODS = (Method("client.userBoot", user_boot, Tier.TWO, NoArguments, any_of(READ)),)
