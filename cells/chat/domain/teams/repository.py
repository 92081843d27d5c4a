from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import TenantScope
from chassis.identity import ChannelId, UserId, WorkspaceId


@dataclass(frozen=True, slots=True)
class Team:
    team_id: WorkspaceId
    name: str
    domain: str
    owner_id: UserId
    bot_user_id: UserId
    general_id: ChannelId
    created_us: int


class Teams:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._scope = scope

    async def get(self) -> Team | None:
        row = (await self._connection.execute(_GET, {"w": self._scope.workspace_id})).one_or_none()
        return Team(*row) if row else None

    async def insert(self, team: Team) -> None:
        await self._connection.execute(
            _INSERT,
            {
                "w": self._scope.workspace_id,
                "name": team.name,
                "domain": team.domain,
                "owner": team.owner_id,
                "bot": team.bot_user_id,
                "general": team.general_id,
                "created": team.created_us,
            },
        )


_GET = text("SELECT workspace_id, name, domain, owner_id, bot_user_id, general_id, created_us FROM teams WHERE workspace_id = :w")
_INSERT = text(
    "INSERT INTO teams (workspace_id, name, domain, owner_id, bot_user_id, general_id, created_us)"
    " VALUES (:w, :name, :domain, :owner, :bot, :general, :created)"
)
