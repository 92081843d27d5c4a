"""team.*: which workspace this is."""

from typing import Any

import msgspec

from cells.chat.domain.teams.repository import Team, Teams
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import TeamNotFound
from cells.chat.slack.registry import Method, Tier
from cells.runtime.workload import Tenant

ICON_SIZES = (34, 44, 68, 88, 102, 132)


class InfoArguments(msgspec.Struct):
    team: str | None = None
    domain: str | None = None


class ProfileArguments(msgspec.Struct):
    visibility: str | None = None


async def require_team(tenant: Tenant) -> Team:
    async with tenant.reading() as connection:
        team = await Teams(connection, tenant.scope).get()
    if team is None:
        raise TeamNotFound
    return team


async def info(call: Call[InfoArguments]) -> Answer:
    name, domain = call.bearer.team_name, call.bearer.team_domain
    if (call.arguments.team or call.team_id) != call.team_id or (call.arguments.domain or domain) != domain:
        raise TeamNotFound
    url = call.origin.page_url(domain)
    return {
        "team": {"id": call.team_id, "name": name, "domain": domain, "email_domain": "", "url": url, "icon": icon_of(call, domain)},
    }


def icon_of(call: Call[Any], domain: str) -> Answer:
    icon: Answer = {f"image_{size}": f"{call.origin.page_url(domain)}icon/{size}.png" for size in ICON_SIZES}
    return {**icon, "image_default": True}


async def profile_get(call: Call[ProfileArguments]) -> Answer:  # noqa: ARG001 - a handler's shape
    """A workspace has no fields of its own yet: profiles have the ones that everybody has."""
    return {"profile": {"fields": [], "sections": []}}


METHODS = (
    Method("team.info", info, Tier.THREE, InfoArguments, ("team:read",), (TeamNotFound,)),
    Method("team.profile.get", profile_get, Tier.THREE, ProfileArguments, ("users.profile:read",)),
)
