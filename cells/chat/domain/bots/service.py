from cells.chat.domain.bots.repository import Bot, Bots
from cells.chat.domain.roles.role import Role
from cells.chat.domain.users.service import Newcomer, add_user
from cells.chat.domain.users.user import User
from cells.runtime.log import Transaction
from chassis.identity import AppId, BotId, make_id


async def add_bot(tx: Transaction, name: str) -> User:
    """A bot with a user of its own, as Slack makes one when an app is installed; returns the bot user."""
    bot_id, app_id = BotId(make_id("B")), AppId(make_id("A"))
    user = await add_user(tx, Newcomer(email=None, real_name=name, role=Role.BOT, bot_id=bot_id, app_id=app_id))
    await Bots(tx.connection, tx.scope).insert(Bot(bot_id, app_id, user.user_id, name, user.created_us))
    return user
