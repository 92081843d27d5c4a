"""bots.info"""

import msgspec

from cells.chat.domain.bots.errors import BotNotFound
from cells.chat.domain.bots.repository import Bot, Bots
from cells.chat.domain.users.repository import Users
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.registry import Method, Tier

ICON_SIZES = (36, 48, 72)


class InfoArguments(msgspec.Struct):
    bot: str = ""


async def info(call: Call[InfoArguments]) -> Answer:
    """Of the bot that asks, where none is named."""
    async with call.tenant.reading() as connection:
        bot = await Bots(connection, call.tenant.scope).get(call.arguments.bot or call.bearer.bot_id or "")
        user = await Users(connection, call.tenant.scope).get(bot.user_id) if bot else None
    if bot is None or user is None:
        raise BotNotFound
    return {"bot": _face(call, bot, deleted=user.deleted, updated_us=user.updated_us)}


def _face(call: Call[InfoArguments], bot: Bot, *, deleted: bool, updated_us: int) -> Answer:
    page = call.origin.page_url(call.bearer.team_domain)
    return {
        "id": bot.bot_id,
        "deleted": deleted,
        "name": bot.name,
        "updated": updated_us // 1_000_000,
        "app_id": bot.app_id,
        "user_id": bot.user_id,
        "icons": {f"image_{size}": f"{page}icon/{size}.png" for size in ICON_SIZES},
    }


METHODS = (Method("bots.info", info, Tier.THREE, InfoArguments, ("users:read",), (BotNotFound,)),)
