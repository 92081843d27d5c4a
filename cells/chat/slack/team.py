"""auth.test and team.info: which workspace this is and who asks."""

import msgspec

from cells.chat.domain.teams.repository import Team, Teams
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import TeamNotFound
from cells.chat.slack.registry import Method, NoArguments, Tier
from cells.runtime.workload import Tenant

ICON_SIZES = (34, 44, 68, 88, 102, 132)


class InfoArguments(msgspec.Struct):
    team: str | None = None
    domain: str | None = None


async def require_team(tenant: Tenant) -> Team:
    async with tenant.reading() as connection:
        team = await Teams(connection, tenant.scope).get()
    if team is None:
        raise TeamNotFound
    return team


async def auth_test(call: Call[NoArguments]) -> Answer:
    answer: Answer = {
        "url": call.origin.page_url(call.bearer.team_domain),
        "team": call.bearer.team_name,
        "user": call.bearer.user_name,
        "team_id": call.team_id,
        "user_id": call.bearer.user_id,
        "is_enterprise_install": False,
    }
    return answer | {"bot_id": call.bearer.bot_id} if call.bearer.bot_id else answer


async def info(call: Call[InfoArguments]) -> Answer:
    team = await require_team(call.tenant)
    if (call.arguments.team or call.team_id) != call.team_id or (call.arguments.domain or team.domain) != team.domain:
        raise TeamNotFound
    icon = {f"image_{size}": f"{call.origin.page_url(team.domain)}icon/{size}.png" for size in ICON_SIZES}
    return {
        "team": {
            "id": team.team_id,
            "name": team.name,
            "domain": team.domain,
            "email_domain": "",
            "url": call.origin.page_url(team.domain),
            "icon": {**icon, "image_default": True},
        }
    }


METHODS = (
    Method("auth.test", auth_test, Tier.SPECIAL),
    Method("team.info", info, Tier.THREE, InfoArguments, ("team:read",), (TeamNotFound,)),
)
