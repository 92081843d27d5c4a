"""Many people in a workspace, put there by SQL: making 50,000 of them through the API is not what is measured."""

import json
from collections.abc import Sequence

import asyncpg

from bench.setting import Setting
from cells.chat.domain.tokens.service import hash_of
from chassis.identity import UserId, WorkspaceId, make_user_token, workspace_of_token
from control_plane.provision.postgres import Postgres

SCOPES = ["channels:read", "channels:write", "chat:write", "groups:read", "im:read", "mpim:read", "users:write"]


class Crowd:
    def __init__(self, setting: Setting) -> None:
        workspace = workspace_of_token(setting.owner)
        assert workspace is not None
        self.workspace: WorkspaceId = workspace
        home = setting.platform.home
        port = json.loads((home / "ports.json").read_text())[f"{setting.cell}-postgres"]
        self.url = Postgres(home / "cells" / setting.cell / "postgres", port).url()

    async def people(self, count: int) -> list[UserId]:
        return await self._add([UserId(f"U{number:010}") for number in range(1, count + 1)])

    async def person(self, name: str) -> UserId:
        return (await self._add([UserId(f"U{name.upper():0>10}")]))[0]

    async def _add(self, ids: list[UserId]) -> list[UserId]:
        await self._execute(
            "INSERT INTO users (workspace_id, user_id, name, real_name, deleted, created_us, updated_us)"
            " SELECT $1, u, lower(u), u, false, 1, 1 FROM unnest($2::text[]) AS u ON CONFLICT DO NOTHING",
            list(ids),
        )
        return ids

    async def join(self, channel: str, people: Sequence[UserId]) -> None:
        await self._execute(
            "INSERT INTO members (workspace_id, channel_id, user_id, joined_us, last_read_us)"
            " SELECT $1, $2, u, 1, 1 FROM unnest($3::text[]) AS u",
            channel,
            list(people),
        )
        await self._execute(
            "UPDATE channels SET num_members = num_members + $3 WHERE workspace_id = $1 AND channel_id = $2", channel, len(people)
        )

    async def tokens(self, people: Sequence[UserId]) -> list[str]:
        tokens = [make_user_token(self.workspace, person) for person in people]
        await self._execute(
            "INSERT INTO tokens (workspace_id, token_hash, user_id, scopes, created_us)"
            " SELECT $1, t.hash, t.person, $4::text[], 1 FROM unnest($2::bytea[], $3::text[]) AS t(hash, person)",
            [hash_of(token) for token in tokens],
            list(people),
            SCOPES,
        )
        return tokens

    async def channels(self, count: int, reader: UserId, messages_each: int) -> None:
        """Channels that `reader` is in, half of them with messages that `reader` has not read."""
        await self._execute(
            "INSERT INTO channels (workspace_id, channel_id, kind, name, creator_id, created_us, updated_us, topic, purpose, people,"
            " num_members) SELECT $1, 'C' || lpad(n::text, 10, '0'), 'public_channel', 'many-' || n, 'U', 1, 1, '', '', '', 1"
            " FROM generate_series(1, $2::int) AS n",
            count,
        )
        await self._execute(
            "INSERT INTO members (workspace_id, channel_id, user_id, joined_us, last_read_us)"
            " SELECT $1, 'C' || lpad(n::text, 10, '0'), $3, 1, CASE WHEN n % 2 = 0 THEN (extract(epoch FROM now()) * 1000000)::bigint"
            " ELSE ((extract(epoch FROM now()) - 3600) * 1000000)::bigint END FROM generate_series(1, $2::int) AS n",
            count,
            reader,
        )
        await self._execute(
            "INSERT INTO messages (workspace_id, channel_id, ts_us, user_id, text, broadcast)"
            " SELECT $1, 'C' || lpad(n::text, 10, '0'), ((extract(epoch FROM now()) - 60 - m) * 1000000)::bigint, 'U0000000001', 'x', false"
            " FROM generate_series(1, $2::int) AS n, generate_series(1, $3::int) AS m",
            count,
            messages_each,
        )
        await self._execute(
            "INSERT INTO mentions (workspace_id, channel_id, ts_us, target, author_id)"
            " SELECT $1, channel_id, ts_us, $2, user_id FROM messages WHERE workspace_id = $1 AND user_id = 'U0000000001' AND text = 'x'"
            " AND ts_us % 10 = 0",
            reader,
        )
        await self._execute(
            "UPDATE channels c SET latest_us = (SELECT max(ts_us) FROM messages x"
            " WHERE x.workspace_id = $1 AND x.channel_id = c.channel_id)"
            " WHERE workspace_id = $1 AND name LIKE 'many-%'"
        )

    async def public_channels(self, count: int, reader: UserId, joined: int) -> None:
        """Channels without messages; `reader` is in the first of them."""
        await self._execute(
            "INSERT INTO channels (workspace_id, channel_id, kind, name, creator_id, created_us, updated_us, topic, purpose, people,"
            " num_members) SELECT $1, 'CL' || lpad(n::text, 9, '0'), 'public_channel', 'listed-' || n, 'U', 1, 1, 'What we talk about',"
            " 'What it is for', '', 1 FROM generate_series(1, $2::int) AS n",
            count,
        )
        await self._execute(
            "INSERT INTO members (workspace_id, channel_id, user_id, joined_us, last_read_us)"
            " SELECT $1, 'CL' || lpad(n::text, 9, '0'), $3, 1, 1 FROM generate_series(1, $2::int) AS n",
            joined,
            reader,
        )

    async def analyze(self) -> None:
        """As autovacuum would within a minute."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()

    async def _execute(self, statement: str, *arguments: object) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement, self.workspace, *arguments)
        finally:
            await connection.close()
