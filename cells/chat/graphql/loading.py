"""What one request has read so far: one snapshot, one statement at a time, each row once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.dataloader import DataLoader

from cells.chat.domain.presence.keeper import Presences
from cells.chat.domain.tokens.errors import MissingScope
from cells.chat.domain.tokens.repository import Bearer
from cells.chat.domain.unread.counts import Line
from cells.chat.domain.unread.repository import Unread
from cells.chat.graphql.repository import LoadRows
from cells.chat.graphql.shaping import UserColumns, channel_row, message_row, standing_of, user_row
from cells.chat.slack.scopes import HISTORY, READ, any_of
from cells.runtime.workload import Tenant
from chassis.clock import Clock

USERS_READ, EMAIL_READ = "users:read", "users:read.email"
Row = dict[str, Any]


@dataclass
class Loads:
    """A request's context. Statements wait for one another: a connection says one at a time."""

    tenant: Tenant
    connection: AsyncConnection
    bearer: Bearer
    presences: Presences
    clock: Clock
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._rows = LoadRows(self.connection, self.tenant.scope)
        self.users: DataLoader[str, Row | None] = DataLoader(load_fn=self._users)
        self._viewer: asyncio.Task[Any] | None = None

    @property
    def _guest_id(self) -> str:
        return self.bearer.user_id if self.bearer.role.is_guest else ""

    async def viewer(self) -> Any:
        """The workspace and whose token it is."""
        if self._viewer is None:
            self._viewer = asyncio.create_task(self._read_viewer())
        return await self._viewer

    async def _read_viewer(self) -> Any:
        async with self._turn:
            return await self._rows.viewer(self.bearer.user_id)

    async def me(self, *, with_presence: bool) -> Row:
        record = await self.viewer()
        [row] = await self._with_presence([record], with_presence=with_presence)
        return row

    async def _users(self, user_ids: list[str]) -> list[Row | None]:
        """For the loader: whoever is asked for in one go. Guests are shown whom they share a conversation with."""
        self._require(USERS_READ)
        async with self._turn:
            records = await self._rows.users(user_ids, self._guest_id)
        rows = {row["id"]: row for row in await self._with_presence(records, with_presence=True)}
        return [rows.get(user_id) for user_id in user_ids]

    async def members(self, after_id: str, first: int, *, with_presence: bool) -> UserColumns:
        self._require(USERS_READ)
        async with self._turn:
            records = await self._rows.members(after_id, first, self._guest_id)
        words = await self._presences(records) if with_presence else {}
        return UserColumns(records, words, now_s=self.clock.now_us() // 1_000_000, with_email=EMAIL_READ in self.bearer.scopes)

    async def _presences(self, records: Sequence[Any]) -> dict[str, str]:
        return await self.presences.among(self.tenant, {record["user_id"]: standing_of(record) for record in records})

    async def _with_presence(self, records: Sequence[Any], *, with_presence: bool) -> list[Row]:
        now_s, with_email = self.clock.now_us() // 1_000_000, EMAIL_READ in self.bearer.scopes
        rows = [user_row(record, now_s=now_s, with_email=with_email) for record in records]
        if with_presence:
            words = await self._presences(records)
            for row in rows:
                row["presence"] = words[row["id"]]
        return rows

    async def channels(self, first: int, *, with_last: bool) -> list[Row]:
        """The viewer's conversations that are not archived, those with the latest news first."""
        kinds = [kind for kind, scopes in READ.items() if not self.bearer.scopes.isdisjoint(scopes)]
        if not kinds:
            raise MissingScope(",".join(any_of(READ)), self.bearer.scopes_shown)
        async with self._turn:
            lines = (await Unread(self.connection, self.tenant.scope).sidebar(self.bearer.user_id, kinds))[:first]
            records = {record["channel_id"]: record for record in await self._rows.channels([line.channel_id for line in lines])}
            last = await self._last(lines) if with_last else {}
        viewer_id = self.bearer.user_id
        return [channel_row(records[line.channel_id], line, viewer_id, last.get(line.channel_id)) for line in lines]

    async def _last(self, lines: Sequence[Line]) -> dict[str, Row]:
        """By channel, of the kinds whose history the token may read."""
        heads = [
            (line.channel_id, line.latest_us) for line in lines if line.latest_us and not self.bearer.scopes.isdisjoint(HISTORY[line.kind])
        ]
        records = await self._rows.last_messages(heads) if heads else []
        now_s, with_email = self.clock.now_us() // 1_000_000, EMAIL_READ in self.bearer.scopes
        return {
            record["channel_id"]: message_row(record, user_row(record, now_s=now_s, with_email=with_email) if record["user_id"] else None)
            for record in records
        }

    def _require(self, scope: str) -> None:
        if scope not in self.bearer.scopes:
            raise MissingScope(scope, self.bearer.scopes_shown)
