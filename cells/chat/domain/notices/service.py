from cells.chat.domain.errors import DomainError
from cells.chat.domain.members.opening import OpenDirect
from cells.chat.domain.messages.posting import PostMessage
from cells.chat.domain.messages.service import TEXT_LENGTH_MAX
from cells.chat.domain.teams.repository import Teams
from cells.chat.domain.users.repository import Users
from cells.runtime.log import Transaction


async def tell(tx: Transaction, user_id: str, text: str) -> bool:
    """In the direct message between the built-in bot and the user; False where there is nobody to tell or to speak."""
    team = await Teams(tx.connection, tx.scope).get()
    bot = await Users(tx.connection, tx.scope).get(team.bot_user_id) if team else None
    if bot is None:
        return False
    try:
        opening = await OpenDirect(bot.user_id, (user_id,)).apply(tx)
        said = text[:TEXT_LENGTH_MAX]
        await PostMessage(opening.channel.channel_id, bot.user_id, said, bot_id=bot.bot_id, app_id=bot.app_id).apply(tx)
    except DomainError:  # the user, or the bot, is switched off
        return False
    return True
