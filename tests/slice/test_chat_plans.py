"""The hot questions find their answers by index, in a workspace where reading everything would be cheaper for none of them.

Each statement is the one that the repositories send: it is caught on its way to the database and explained there.
"""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.bookmarks import repository as bookmarks
from cells.chat.domain.channels import repository as channels
from cells.chat.domain.members import repository as members
from cells.chat.domain.mentions.parsing import EVERYONE_TARGETS
from cells.chat.domain.messages import hanging_repository
from cells.chat.domain.messages import repository as messages
from cells.chat.domain.pins import repository as pins
from cells.chat.domain.plans import repository as plans
from cells.chat.domain.reactions import repository as reactions
from cells.chat.domain.reminders import repository as reminders
from cells.chat.domain.scheduled import repository as scheduled
from cells.chat.domain.unread import repository as unread
from cells.chat.domain.users import repository as users
from cells.chat.domain.versions import repository as versions
from cells.chat.slack.history import PAGED
from cells.runtime.tenancy import TenantScope
from tests.harness.chat import a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio

CHANNELS, MINE, BIG = 5_000, 300, "C0000000001"
ME = "U0000000001"
KINDS = {"kinds": ["public_channel", "private_channel", "im", "mpim"]}
FILL = (
    "INSERT INTO users (workspace_id, user_id, name, real_name, role, deleted, created_us, updated_us)"
    " SELECT $1, 'U' || lpad(n::text, 10, '0'), 'u' || n, 'U', CASE WHEN n % 100 = 7 THEN 'guest' ELSE 'member' END, false, 1, 1"
    " FROM generate_series(1, 20000) AS n",
    "INSERT INTO channels (workspace_id, channel_id, kind, name, creator_id, created_us, updated_us, topic, purpose, people)"
    " SELECT $1, 'D' || lpad(n::text, 10, '0'), 'im', '', 'U', 0, 0, '', '', 'U1,U' || n FROM generate_series(1, 20000) AS n",
    "INSERT INTO members (workspace_id, channel_id, user_id, joined_us, last_read_us)"
    " SELECT $1, 'D' || lpad(n::text, 10, '0'), 'U' || lpad(n::text, 10, '0'), 1, 1 FROM generate_series(1, 20000) AS n",
    "INSERT INTO pins (workspace_id, channel_id, ts_us, user_id, created_us) SELECT $1, 'C' || lpad((n % 500)::text, 10, '0'), n, 'U', 1"
    " FROM generate_series(1, 5000) AS n",
    "INSERT INTO bookmarks (workspace_id, channel_id, bookmark_id, title, link, emoji, created_by, updated_by, created_us, updated_us)"
    " SELECT $1, 'C' || lpad((n % 500)::text, 10, '0'), 'Bk' || n, '', '', '', 'U', 'U', 1, 1 FROM generate_series(1, 5000) AS n",
    "INSERT INTO channels (workspace_id, channel_id, kind, name, creator_id, created_us, updated_us, topic, purpose, people,"
    " latest_us) SELECT $1, 'C' || lpad(n::text, 10, '0'), 'public_channel', 'c' || n, 'U', 0, 0, '', '', '',"
    " (extract(epoch FROM now()) * 1000000)::bigint"
    f" FROM generate_series(1, {CHANNELS}) AS n",
    "INSERT INTO members (workspace_id, channel_id, user_id, joined_us, last_read_us)"
    f" SELECT $1, '{BIG}', 'U' || lpad(n::text, 10, '0'), 1, 1 FROM generate_series(1, 20000) AS n",
    "INSERT INTO members (workspace_id, channel_id, user_id, joined_us, last_read_us) SELECT $1, 'C' || lpad(n::text, 10, '0'), "
    f"'{ME}', 1, 1 FROM generate_series(2, {MINE}) AS n",
    "INSERT INTO messages (workspace_id, channel_id, ts_us, user_id, text, broadcast) SELECT $1,"
    f" 'C' || lpad((1 + n % {MINE})::text, 10, '0'), ((extract(epoch FROM now()) - n) * 1000000)::bigint, 'U0000000002', 'x', false"
    f" FROM generate_series(1, 40000) AS n",
    "INSERT INTO reactions (workspace_id, channel_id, ts_us, name, user_id, created_us) SELECT workspace_id, channel_id, ts_us, 'x',"
    " 'U' || lpad((ts_us % 5000)::text, 10, '0'), ts_us FROM messages WHERE workspace_id = $1 AND ts_us % 4 <> 5",
    "INSERT INTO message_versions (workspace_id, channel_id, ts_us, until_us, text, ended_by, ended_how) SELECT workspace_id, channel_id,"
    " ts_us, ts_us, 'x', 'U', 'edited' FROM messages WHERE workspace_id = $1",
    "INSERT INTO scheduled_messages (workspace_id, scheduled_id, channel_id, user_id, text, post_us, created_us) SELECT $1, 'Q' || n,"
    f" 'C' || lpad((1 + n % {MINE})::text, 10, '0'), 'U' || n % 1000, 'x', n, 1 FROM generate_series(1, 10000) AS n",
    "INSERT INTO reminders (workspace_id, reminder_id, creator_id, user_id, text, at_us, created_us) SELECT $1, 'Rm' || n, 'U' || n % 1000,"
    " 'U' || n % 999, 'x', n, 1 FROM generate_series(1, 10000) AS n",
    "INSERT INTO mentions (workspace_id, channel_id, ts_us, target, author_id) SELECT $1,"
    f" 'C' || lpad((1 + n % {MINE})::text, 10, '0'), ((extract(epoch FROM now()) - n) * 1000000)::bigint, 'U' || n % 1000,"
    " 'U0000000002' FROM generate_series(1, 10000) AS n",
)


@dataclass(frozen=True)
class Plan:
    nodes: Sequence[dict[str, Any]]

    @property
    def scanned_whole(self) -> set[str]:
        """Tables read from end to end; not those that hold nothing, as the partitions of other months do here."""
        scans = [node for node in self.nodes if node["Node Type"] == "Seq Scan" and node["Actual Loops"]]
        return {node["Relation Name"] for node in scans if node["Actual Rows"] + node.get("Rows Removed by Filter", 0) > 0}

    @property
    def partitions(self) -> set[str]:
        """Partitions of messages that were looked into."""
        looked = [node for node in self.nodes if str(node.get("Relation Name", "")).startswith("messages_")]
        return {node["Relation Name"] for node in looked if node.get("Actual Loops", 1)}

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}


@asynccontextmanager
async def a_large_workspace(databases: FreshDatabase) -> AsyncIterator[tuple[AsyncConnection, TenantScope]]:
    async with a_chat(databases) as chat:
        acme = await chat.found("acme")
        for statement in FILL:
            await execute(databases.owner_url, statement, acme.scope.workspace_id)
        await execute(databases.owner_url, "ANALYZE")
        async with acme.tenant.database.writing(acme.scope) as connection:
            yield connection, acme.scope


async def explained(connection: AsyncConnection, scope: TenantScope, statement: TextClause, **values: Any) -> Plan:
    """Run it, as the application's role, under the plan that serves any arguments: the one kept for a prepared statement."""
    await connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    asked = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}")
    found = (await connection.execute(asked, {"w": scope.workspace_id, **values})).scalar_one()
    [shown] = json.loads(found) if isinstance(found, str) else found
    return Plan(list(_nodes(shown["Plan"])))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


ONE = {"c": [BIG], "u": [ME]}
COUNTING = {"most": 1_000, "all": list(EVERYONE_TARGETS)}
QUESTIONS: dict[str, tuple[TextClause, dict[str, Any]]] = {
    "may one post": (messages._PLACES, ONE),
    "how far has one read": (unread._PLACES, ONE),
    "what is unread in a channel": (unread._COUNT, {**ONE, "floor": [1], **COUNTING}),
    "the sidebar": (unread._SIDEBAR, {"u": ME, "kinds": ["public_channel"], "n": 5_000, **COUNTING}),
    "mark": (unread._MARK, {**ONE, "ts": [5]}),
    "a page of members": (members._LIST, {"c": BIG, "after": "U0000010000", "n": 100}),
    "how many members": (members._COUNT, {"c": BIG}),
    "join": (members._INSERT, {"c": BIG, "u": ["UNEW"], "at": 1}),
    "leave": (members._REMOVE, {"c": BIG, "u": ME}),
    "a channel and how one stands to it": (channels._GET, {"id": BIG, "u": ME}),
    "a page of all channels": (channels._LIST, {"u": ME, "after": "C0000002000", "n": 1_001, "old": True, **KINDS}),
    "a guest's channels": (channels._LIST, {"u": "U0000000107", "after": "", "n": 1_001, "old": True, **KINDS}),
    "a page of somebody's channels": (
        channels._LIST_OF,
        {"u": ME, "whose": "U0000000777", "after": "", "n": 101, "old": False, **KINDS},
    ),
    "what sessions hear": (members._GROUPS_OF_ACTIVE, {"u": [ME, "U0000000107"]}),
    "with whom one shares a channel": (members._SHARING, {"u": ME, "o": ["U0000000007", "U0000000008"]}),
    "in how many channels guests are": (members._NAMED, {"u": ["U0000000107"]}),
    "what is pinned": (pins._OF, {"c": "C0000000007", "n": 100}),
    "how much is pinned": (pins._COUNT, {"c": "C0000000007"}),
    "the bookmarks": (bookmarks._OF, {"c": "C0000000007", "n": 100}),
    "messages by their keys": (messages._BY_KEYS.statement, {"c": [BIG, BIG], "ts": [5, 6]}),
    "several people": (users._BY_IDS, {"ids": [ME, "U0000000007"]}),
    "the latest page": (messages._HISTORY[False], {"c": BIG, "oldest": 0, "latest": 1 << 62, "n": 100}),
    "a thread": (messages._REPLIES, {"c": BIG, "thread": 5, "oldest": 0, "latest": 1 << 62, "n": 100}),
    "what hangs under a page": (messages._THREADS, {"c": BIG, "ts": [5, 6], "first": 5}),
    "what hangs under deleted ones": (messages._HANGING, {"c": BIG, "ts": [5, 6], "first": 5}),
    "reactions of a message": (reactions._OF, {"c": BIG, "ts": [5, 6]}),
    "all that is shown with a page": (hanging_repository._HANGING, {"c": BIG, "ts": [5, 6], "roots": [5, 6], "first": 5}),
    "what somebody reacted to": (reactions._OF_USER, {"whose": ME, "u": ME, "n": 100, "skip": 0}),
    "a message's versions": (versions._OF, {"c": BIG, "ts": 1, "n": 100}),
    "one's scheduled messages": (
        scheduled._OF_USER,
        {"u": ME, "c": "", "oldest": 0, "latest": 1 << 62, "after_us": 0, "after_id": "", "n": 100},
    ),
    "how many are scheduled near": (scheduled._COUNT_NEAR, {"c": BIG, "from": 1, "to": 2}),
    "one's reminders": (reminders._OF, {"u": ME, "n": 100}),
    "edit": (
        messages._CHANGE,
        {"c": BIG, "ts": 1, "text": "x", "extras": None, "edited": 1, "by": ME},
    ),
    "broadcast later": (messages._BROADCAST, {"c": BIG, "ts": 1}),
    "a message": (messages._GET, {"c": BIG, "ts": 1}),
    "forget a message": (messages._REMOVE, {"c": BIG, "ts": 1, "at": 2}),
}
POST = {
    "channel_id": [BIG],
    "ts_us": [4_000_000_000_000_000],
    "user_id": [ME],
    "text": ["x"],
    "bot_id": [None],
    "app_id": [None],
    "thread_us": [None],
    "parent_user_id": [None],
    "broadcast": [False],
    "client_msg_id": [None],
    "extras": [None],
}


async def test_hot_questions_are_answered_by_index(cell_database: FreshDatabase) -> None:
    async with a_large_workspace(cell_database) as (connection, scope):
        scans = {}
        for name, (statement, values) in {**QUESTIONS, "post": (messages._INSERT, POST)}.items():
            plan = await explained(connection, scope, statement, **values)
            if plan.scanned_whole & {"members", "channels", "mentions", "users", "pins", "bookmarks"} or any(
                table.startswith("messages") for table in plan.scanned_whole
            ):
                scans[name] = plan.scanned_whole
        assert scans == {}


async def test_a_page_of_channels_looks_at_no_more_than_it_shows(cell_database: FreshDatabase) -> None:
    """However many direct conversations other people have."""
    async with a_large_workspace(cell_database) as (connection, scope):
        for kinds, most in ((KINDS["kinds"], 310), (["im"], MINE + 10)):
            plan = await explained(connection, scope, channels._LIST, u=ME, after="", n=101, old=True, kinds=kinds)
            looked = [node for node in plan.nodes if node.get("Relation Name") == "channels"]
            assert sum(node["Actual Rows"] * node["Actual Loops"] for node in looked) <= most, kinds
            assert "channels_public" in plan.indexes or kinds == ["im"]


async def test_what_is_read_is_not_looked_into_again(cell_database: FreshDatabase) -> None:
    """Partitions older than the place one has read to are pruned, and so are those of the months to come."""
    async with a_large_workspace(cell_database) as (connection, scope):
        [now_us] = (await connection.execute(text("SELECT (extract(epoch FROM now()) * 1000000)::bigint"))).one()
        hour_ago = now_us - 3_600_000_000
        plan = await explained(connection, scope, unread._COUNT, **{**ONE, "floor": [hour_ago], **COUNTING})
        assert 1 <= len(plan.partitions) <= 2, plan.partitions
        await connection.execute(text("UPDATE members SET last_read_us = :at WHERE user_id = :u"), {"at": hour_ago, "u": ME})
        plan = await explained(connection, scope, unread._SIDEBAR, u=ME, kinds=["public_channel"], n=5_000, **COUNTING)
        assert 1 <= len(plan.partitions) <= 2, plan.partitions
        assert "mentions_target" in plan.indexes


async def test_a_page_of_history_looks_into_the_months_it_is_of(cell_database: FreshDatabase) -> None:
    """Those made ahead are pruned by the present, older ones by `oldest`."""
    async with a_large_workspace(cell_database) as (connection, scope):
        [now_us] = (await connection.execute(text("SELECT (extract(epoch FROM now()) * 1000000)::bigint"))).one()
        hour_us = 3_600_000_000
        for forward in (False, True):
            values = {"c": BIG, "oldest": now_us - hour_us, "latest": now_us + hour_us, "n": 100}
            plan = await explained(connection, scope, messages._HISTORY[forward], **values)
            assert 1 <= len(plan.partitions) <= 3 and not plan.scanned_whole, (plan.partitions, plan.scanned_whole)
        plan = await explained(connection, scope, plans._MESSAGES, **{"from": now_us - hour_us})
        assert not {table for table in plan.scanned_whole if table.startswith("messages")}, "what was said today, counted twice a minute"


async def test_a_page_of_a_long_channel_is_read_and_no_more_of_it(cell_database: FreshDatabase) -> None:
    """Of many workspaces' messages a channel's are believed to be few, and few are sorted sooner than read in order."""
    said = (
        "INSERT INTO messages (workspace_id, channel_id, ts_us, user_id, text, broadcast)"
        " SELECT $1, $2 || CAST(n % $4 AS text), (extract(epoch FROM now())::bigint - n) * 1000000, 'U1', 'hello', false"
        " FROM generate_series(1, $3::int) AS n"
    )
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await execute(cell_database.owner_url, said, acme.scope.workspace_id, "CBIG", 1_000, 1)
        for number in range(3):
            await execute(cell_database.owner_url, said, f"TOTHER{number}", "C", 15_000, 40)
        await execute(cell_database.owner_url, "ANALYZE messages")
        window = {"c": "CBIG0", "oldest": 0, "latest": 1 << 62, "n": 21}
        async with acme.tenant.reading(*PAGED) as connection:
            for forward in (False, True):
                plan = await explained(connection, acme.scope, messages._HISTORY[forward], **window)
                assert max(node["Actual Rows"] for node in plan.nodes) == 21, plan.nodes


async def test_what_everybody_reads_is_planned_once(cell_database: FreshDatabase) -> None:
    """To plan a question about a table of many partitions takes longer than to answer it."""
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        root = await acme.owner.call("chat.postMessage", channel=acme.general, text="hello")
        for _ in range(2):
            await acme.owner.call("conversations.history", channel=acme.general)
            await acme.owner.call("conversations.replies", channel=acme.general, ts=root["ts"])
            await acme.owner.call("conversations.info", channel=acme.general)
            await acme.owner.call("client.counts")
        async with acme.tenant.reading() as connection:  # the one that was put back last
            planned = (await connection.execute(text(_PLANNED))).all()
        assert len(planned) >= 4 and not [row for row in planned if row.custom_plans], planned


_PLANNED = (
    "SELECT left(statement, 60) AS statement, generic_plans, custom_plans FROM pg_prepared_statements"
    " WHERE statement LIKE '%FROM messages%' AND statement LIKE 'SELECT%' AND NOT statement LIKE '%client_msg_id =%'"
)
