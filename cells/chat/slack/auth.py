"""auth.*: which token this is, whose, of which workspace; and taking it back."""

from typing import Any

import msgspec

from cells.chat.domain.tokens.service import RevokeTokenById
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidCursor
from cells.chat.slack.paging import next_cursor, read_cursor
from cells.chat.slack.registry import Method, NoArguments, Tier
from cells.chat.slack.team import icon_of


class RevokeArguments(msgspec.Struct):
    test: bool = False


class TeamsArguments(msgspec.Struct):
    cursor: str | None = None
    limit: int | None = None
    include_icon: bool = False


async def test(call: Call[NoArguments]) -> Answer:
    bearer = call.bearer
    answer: Answer = {
        "url": call.origin.page_url(bearer.team_domain),
        "team": bearer.team_name,
        "user": bearer.user_name,
        "team_id": call.team_id,
        "user_id": bearer.user_id,
        "is_enterprise_install": False,
    }
    if bearer.expires_us is not None:
        answer["expires_in"] = max(bearer.expires_us - call.clock.now_us(), 0) // 1_000_000
    return answer | ({"bot_id": bearer.bot_id, "app_id": bearer.app_id} if bearer.bot_id else {})


async def teams_list(call: Call[TeamsArguments]) -> Answer:
    read_cursor("team", call.arguments.cursor)
    team: dict[str, Any] = {"id": call.team_id, "name": call.bearer.team_name}
    if call.arguments.include_icon:
        team["icon"] = icon_of(call, call.bearer.team_domain)
    return {"teams": [team], "response_metadata": next_cursor("")}


def methods(bearers: Bearers) -> tuple[Method, ...]:
    async def revoke(call: Call[RevokeArguments]) -> Answer:
        """`test` asks only whether it would work."""
        if call.arguments.test:
            return {"revoked": False}
        await call.tenant.commit(RevokeTokenById(call.bearer.token_id, call.bearer.user_id))
        bearers.forget(call.tenant)
        return {"revoked": True}

    return (
        Method("auth.test", test, Tier.SPECIAL),
        Method("auth.revoke", revoke, Tier.THREE, RevokeArguments),
        Method("auth.teams.list", teams_list, Tier.TWO, TeamsArguments, (), (InvalidCursor,)),
    )
