"""One workspace never learns of another: crafted ids get the answer of ids that were never made."""

from typing import Any

import pytest
from sqlalchemy import Table, text

from cells.chat.domain.catalogue import chat_tables
from cells.chat.slack.methods import all_methods
from tests.harness.chat import ChatClient, Workspace, a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio
NEVER_MADE = {
    "channel": "C0000000000",
    "ts": "1000000000.000001",
    "user": "U0000000000",
    "usergroup": "S0000000000",
    "file": "F0000000000",
    "bookmark_id": "Bk0000000000",
    "reminder": "Rm0000000000",
    "scheduled_message_id": "Q0000000000",
}
WITHOUT_IDS = {"api.test", "auth.revoke", "conversations.create", "conversations.list", "rtm.connect", "usergroups.create", "users.list"}


async def asked(client: ChatClient, ids: dict[str, str], own_channel: str) -> dict[tuple[str, bool], dict[str, Any]]:
    """Every method's answer to these ids, alone and beside a channel of one's own."""
    answers = {}
    for channel in (ids["channel"], own_channel):
        arguments = {
            **ids,
            **dict.fromkeys(("channel", "channel_id", "channels", "channel_ids"), channel),
            **dict.fromkeys(("timestamp", "thread_ts", "message_ts"), ids["ts"]),
            **dict.fromkeys(("users", "user_id"), ids["user"]),
            "files": [{"id": ids["file"]}],
            "text": "x",
            "name": "x",
            "title": "x",
        }
        for method in sorted(set(all_methods()) - WITHOUT_IDS):
            answers[method, channel == own_channel] = await client.call(method, **arguments)
    return answers


async def kept(globex: Workspace) -> dict[str, str]:
    """What somebody in the other workspace made, by the arguments that would name it."""
    owner, link = globex.owner, {"title": "theirs", "type": "link", "link": "https://example.com/"}
    bookmark = await owner.call("bookmarks.add", channel_id=globex.general, **link)
    later = {"time": "in 5 hours", "text": "theirs"}
    reminder = await owner.call("reminders.add", **later)
    scheduled = await owner.call("chat.scheduleMessage", channel=globex.general, text="theirs", post_at=reminder["reminder"]["time"])
    return {
        "file": (await owner.call("files.upload", content="theirs", filename="theirs.txt", channels=globex.general))["file"]["id"],
        "bookmark_id": bookmark["bookmark"]["id"],
        "reminder": reminder["reminder"]["id"],
        "scheduled_message_id": scheduled["scheduled_message_id"],
    }


async def test_ids_of_another_workspace_are_ids_that_were_never_made(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme, globex = await chat.found("acme"), await chat.found("globex")
        ts = (await globex.owner.call("chat.postMessage", channel=globex.general, text="theirs", client_msg_id="theirs"))["ts"]
        group = (await globex.owner.call("usergroups.create", name="theirs"))["usergroup"]["id"]
        crafted = {"channel": globex.general, "ts": ts, "user": globex.owner.user_id, "usergroup": group, **await kept(globex)}
        before = await globex.head()
        client = acme.owner  # who may all that a person may
        own = [(await client.call("conversations.create", name=f"own{n}"))["channel"]["id"] for n in range(2)]
        expected = await asked(client, NEVER_MADE, own[0])
        found = await asked(client, crafted, own[1])
        assert {key: found[key].get("error") for key in found} == {key: expected[key].get("error") for key in expected}
        assert await globex.head() == before


async def test_the_application_role_sees_rows_of_its_scope_alone(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme, globex = await chat.found("acme"), await chat.found("globex")
        for workspace in (acme, globex):
            ts = (await workspace.owner.call("chat.postMessage", channel=workspace.general, text="<!here>"))["ts"]
            group = (await workspace.owner.call("usergroups.create", name="x"))["usergroup"]["id"]
            await workspace.owner.call("usergroups.users.update", usergroup=group, users=workspace.owner.user_id)
            await workspace.owner.call("reactions.add", channel=workspace.general, timestamp=ts, name="x")
            await workspace.owner.call("users.setPresence", presence="away")
        for declared in chat_tables().tables.values():
            await with_a_row(cell_database.owner_url, declared, acme.scope.workspace_id, globex.scope.workspace_id)
        for table in chat_tables().tables:
            async with chat.database.reading(acme.scope) as connection:
                rows = (await connection.execute(text(f"SELECT DISTINCT workspace_id FROM {table}"))).scalars().all()
            assert rows == [acme.scope.workspace_id], table


async def with_a_row(owner_url: str, table: Table, *workspace_ids: str) -> None:
    """Of each workspace, where chat has made none yet."""
    for workspace_id in workspace_ids:
        if not await execute(owner_url, f"SELECT 1 FROM {table.name} WHERE workspace_id = $1 LIMIT 1", workspace_id):
            values = {column.name: _FILLINGS[type(column.type).__name__] for column in table.columns} | {"workspace_id": workspace_id}
            places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
            await execute(owner_url, f"INSERT INTO {table.name} ({', '.join(values)}) VALUES ({places})", *values.values())


_FILLINGS: dict[str, Any] = {
    "Text": "x",
    "BigInteger": 1,
    "Integer": 1,
    "SmallInteger": 1,
    "Float": 1.0,
    "Boolean": True,
    "LargeBinary": b"x",
    "ARRAY": ["x"],
    "JSONB": "{}",
    "JSON": "{}",
    "TSVECTOR": "x",
}


async def test_every_table_and_partition_is_protected(cell_database: FreshDatabase) -> None:
    """On, forced, and without a scope nothing is seen; the tables of the database are those that the workload names."""
    for table in chat_tables().tables:
        assert await execute(cell_database.app_url, f"SELECT 1 FROM {table}") == []
    bare = await execute(
        cell_database.owner_url,
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'"
        " WHERE c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
    )
    assert bare == []


async def test_declared_columns_are_the_stored_ones(cell_database: FreshDatabase) -> None:
    for name, table in chat_tables().tables.items():
        rows = await execute(cell_database.owner_url, "SELECT column_name FROM information_schema.columns WHERE table_name = $1", name)
        assert {row[0] for row in rows} == set(table.columns.keys()), name
        keys = await execute(
            cell_database.owner_url,
            "SELECT a.attname FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k (n, at) JOIN pg_attribute a ON a.attnum = k.n"
            " WHERE i.indrelid = $1::regclass AND i.indisprimary AND a.attrelid = i.indrelid ORDER BY k.at",
            name,
        )
        assert [row[0] for row in keys] == [column.name for column in table.primary_key], name


async def test_messages_lie_in_the_partition_of_their_month(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await acme.owner.call("chat.postMessage", channel=acme.general, text="x")
        rows = await execute(
            cell_database.owner_url, "SELECT tableoid::regclass::text AS lies, to_char(now() AT TIME ZONE 'UTC', 'YYYYMM') FROM messages"
        )
        assert [f"messages_{row[1]}" for row in rows] == [row["lies"] for row in rows] != []
