from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import TenantScope
from chassis.identity import AppId, BotId, UserId


@dataclass(frozen=True, slots=True)
class Bot:
    bot_id: BotId
    app_id: AppId
    user_id: UserId
    name: str
    created_us: int


class Bots:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, bot_id: str) -> Bot | None:
        row = (await self._connection.execute(_GET, {"w": self._workspace, "bot": bot_id})).one_or_none()
        return Bot(*row) if row else None

    async def insert(self, bot: Bot) -> None:
        values = {"w": self._workspace, "bot": bot.bot_id, "app": bot.app_id, "u": bot.user_id, "name": bot.name, "at": bot.created_us}
        await self._connection.execute(_INSERT, values)


_GET = text("SELECT bot_id, app_id, user_id, name, created_us FROM bots WHERE workspace_id = :w AND bot_id = :bot")
_INSERT = text("INSERT INTO bots (workspace_id, bot_id, app_id, user_id, name, created_us) VALUES (:w, :bot, :app, :u, :name, :at)")
