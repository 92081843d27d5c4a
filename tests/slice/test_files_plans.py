"""Questions about files find their answers by index, and look into the partition of messages that a share is in."""

from typing import Any

import pytest
from sqlalchemy import TextClause

from cells.chat.domain.files import repository as files
from tests.harness.chat import a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute
from tests.slice.test_chat_plans import explained

pytestmark = pytest.mark.anyio
FILES = 20_000
NOW = "(extract(epoch FROM now()) * 1000000)::bigint"
FILL = (
    "INSERT INTO channels (workspace_id, channel_id, kind, name, creator_id, created_us, updated_us, topic, purpose, people, latest_us)"
    " SELECT $1, 'C' || lpad(n::text, 10, '0'), CASE WHEN n % 2 = 0 THEN 'public_channel' ELSE 'private_channel' END, 'c' || n, 'U', 0, 0,"
    " '', '', '', 0 FROM generate_series(1, 2000) AS n",
    "INSERT INTO members (workspace_id, channel_id, user_id, joined_us, last_read_us) SELECT $1, 'C' || lpad(n::text, 10, '0'),"
    " 'U' || n % 50, 1, 1 FROM generate_series(1, 2000) AS n",
    "INSERT INTO messages (workspace_id, channel_id, ts_us, user_id, text, broadcast) SELECT $1, 'C' ||"
    " lpad((1 + n % 2000)::text, 10, '0'),"
    f" {NOW} - n, 'U1', 'x', false FROM generate_series(1, {FILES}) AS n",
    "INSERT INTO files SELECT $1, 'F' || lpad(n::text, 10, '0'), 'U' || n % 50, 'n', 't', 1, 'text/plain', 'text', 'snippet', 'ready', 'k',"
    f" 'e', '', '', 'none', '', '{{}}', n, 0, 0 FROM generate_series(1, {FILES}) AS n",
    "INSERT INTO file_shares (workspace_id, file_id, channel_id, ts_us, user_id) SELECT workspace_id, 'F' ||"
    " lpad((row_number() OVER ())::text, 10, '0'), channel_id, ts_us, 'U1' FROM messages WHERE workspace_id = $1 AND user_id = 'U1'",
)
SEEN: dict[str, Any] = {"v": "U7", "p": True}
LISTED = {**SEEN, "u": "", "from": 0, "to": 1 << 62, "kinds": [], "n": 100, "skip": 0}
QUESTIONS: dict[str, tuple[TextClause, dict[str, Any]]] = {
    "a file": (files._GET, {"ids": ["F0000000007"]}),
    "may one see it": (files._VISIBLE, {"ids": ["F0000000007"], **SEEN}),
    "where it is shared": (files._SHARES, {"ids": ["F0000000007"], "n": 100}),
    "where one sees it shared": (files._SHARES_SEEN, {"ids": ["F0000000007"], "n": 100, **SEEN}),
    "a page of files": (files._PAGE[False], LISTED),
    "a page of a channel's files": (files._PAGE[True], {**LISTED, "c": "C0000000008"}),
}


async def test_files_are_found_by_index(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        for statement in FILL:
            await execute(cell_database.owner_url, statement, acme.scope.workspace_id)
        await execute(cell_database.owner_url, "ANALYZE")
        async with acme.tenant.database.writing(acme.scope) as connection:
            plans = {name: await explained(connection, acme.scope, statement, **values) for name, (statement, values) in QUESTIONS.items()}
    assert {name: plan.scanned_whole for name, plan in plans.items() if plan.scanned_whole} == {}
    looked = {name: sorted(plan.partitions) for name, plan in plans.items()}
    assert max(map(len, looked.values())) <= 2, looked
    assert "files_by_time" in plans["a page of files"].indexes
    page = [node for node in plans["a page of files"].nodes if node.get("Relation Name") == "files"]
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in page) < 1_000, "no more than the page needs"
