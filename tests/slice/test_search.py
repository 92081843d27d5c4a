"""Finding in PostgreSQL, as clients ask for it: what is found, in which order, how it is shown, and nothing one may not see."""

from typing import Any

import asyncpg
import pytest

from cells.chat.domain.searching.progress_repository import ProgressBook
from tests.harness.chat import ChatClient, Workspace, a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.searching import found, index
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio
BEGIN, END = "\ue000", "\ue001"
NASTY = (
    "' OR 1=1 --",
    "a & b | !c <-> d:*",
    "\\' \\",
    "%_%",
    "*%%%*",
    "💥 \u202e x",
    "from:' in:\" with:\\ -",
    "x" * 5_000,
    "after:99999-99-99 on:0000-00-00 during:٣٣٣٣",
    "((((((((((",
    "::::has:::::",
    "\ue000\ue001",
    '- -- --- -* -"',
)


async def say(client: ChatClient, channel: str, *texts: str, **more: Any) -> list[str]:
    return [(await client.call("chat.postMessage", channel=channel, text=text, **more))["ts"] for text in texts]


async def room(client: ChatClient, name: str, *people: ChatClient, private: bool = False) -> str:
    made = await client.call("conversations.create", name=name, is_private=str(private).lower())
    for person in people:
        await client.call("conversations.invite", channel=made["channel"]["id"], users=person.user_id)
    return str(made["channel"]["id"])


async def test_words_modifiers_and_what_hangs_on_messages(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        owner, ann = acme.owner, await acme.add("ann")
        eng = await room(owner, "eng", ann)
        await say(ann, eng, "Deployment of the rocket finished", "see <https://x.example/a|the plan> for rockets", "東京都庁へ行く")
        [pinned, liked] = await say(owner, eng, "a pinned rocket", "a liked rocket")
        await owner.call("pins.add", channel=eng, timestamp=pinned)
        await ann.call("reactions.add", channel=eng, timestamp=liked, name="tada")
        await say(ann, eng, "an answer", thread_ts=liked)
        [between] = await say(ann, owner.user_id, "between us: rocket")
        await index(acme)
        expected = {
            "rocket": 5,
            "ROCKETS finished": 1,
            "ploymen": 1,
            "rock*": 5,
            "*ocke*": 5,
            '"rocket finished"': 1,
            '"finished rocket"': 0,
            "京都": 1,
            "京": 1,
            "rocket -finished": 4,
            "from:ann rocket": 3,
            "from:@Ann from:me rocket": 5,
            "-from:ann rocket": 2,
            "from:nobody rocket": 0,
            "in:#eng rocket": 4,
            "in:@ann": 1,
            "-in:eng rocket": 1,
            "has:link": 1,
            "has:pin": 1,
            "has::tada:": 1,
            "has:reaction -has:pin": 1,
            "is:thread": 2,
            "with:@ann": 3,
            "on:today rocket": 5,
            "before:today rocket": 0,
            "plan": 1,
            "during:week after:yesterday from:@ann": 5,
        }
        assert {query: len(await found(owner, query)) for query in expected} == expected
        await ann.call("reactions.remove", channel=eng, timestamp=liked, name="tada")
        await owner.call("chat.update", channel=eng, ts=pinned, text="a pinned balloon")
        await ann.call("chat.delete", channel=await direct(ann, owner), ts=between)
        await index(acme)
        assert [await found(owner, query) for query in ("has::tada:", "pinned rocket", "between")] == [[], [], []]
        assert await found(owner, "balloon") == ["a pinned balloon"]


async def direct(client: ChatClient, other: ChatClient) -> str:
    return str((await client.call("conversations.open", users=other.user_id))["channel"]["id"])


async def test_pages_order_and_shape(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        times = await say(acme.owner, acme.general, *[f"number {n} of many" for n in range(25)])
        await say(acme.owner, acme.general, "many, many, many & many")
        await index(acme)
        reply = (await acme.owner.call("search.messages", query="many number", sort="timestamp", count=10, page=3, highlight=1))["messages"]
        assert [match["ts"] for match in reply["matches"]] == times[4::-1]
        assert reply["paging"] == {"count": 10, "total": 25, "page": 3, "pages": 3} and reply["total"] == 25
        assert reply["pagination"] == {"total_count": 25, "page": 3, "per_page": 10, "page_count": 3, "first": 21, "last": 25}
        match = reply["matches"][0]
        assert match["text"] == f"{BEGIN}number{END} 4 of {BEGIN}many{END}"
        assert match["permalink"].endswith(f"/archives/{acme.general}/p{times[4].replace('.', '')}")
        assert match["channel"]["name"] == "general" and match["username"] and match["user"] == acme.owner.user_id
        oldest = await found(acme.owner, "many", sort="timestamp", sort_dir="asc", count=1)
        assert oldest == ["number 0 of many"]
        assert await found(acme.owner, "many", count=1) == ["many, many, many & many"]
        assert await found(acme.owner, "many", page=1000, count=1000) == []
        everything = await acme.owner.call("search.all", query="many")
        assert everything["messages"]["total"] == 26 and everything["files"]["total"] == 0 and everything["posts"]["matches"] == []


async def test_nothing_is_found_that_may_not_be_seen_at_this_moment(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme, globex = await chat.found("acme"), await chat.found("globex")
        owner, ann = acme.owner, await acme.add("ann")
        made = await acme.command("user.add", email="guest@example.com", name="guest", role="guest")
        guest = acme.client(made["token"], made["user_id"])
        hidden, open_ = await room(owner, "hidden", private=True), await room(owner, "open")
        for channel in (hidden, open_, await direct(owner, acme.bot)):
            await say(owner, channel, "treasure")
        await say(globex.owner, globex.general, "treasure of theirs")
        for workspace in (acme, globex):
            await index(workspace)
        assert len(await found(owner, "treasure")) == 3
        assert await counts(ann) == 1 and await counts(guest) == 0 and await counts(acme.bot) == 1
        assert await counts(ann, "in:#hidden treasure") == await counts(ann, f"in:{hidden} treasure") == 0
        assert await found(globex.owner, "treasure") == ["treasure of theirs"]
        assert await found(globex.owner, f"from:{owner.user_id}") == await found(globex.owner, f"in:{open_}") == []
        await owner.call("conversations.invite", channel=hidden, users=f"{ann.user_id},{guest.user_id}")
        assert await counts(ann) == 2 and await counts(guest) == 1
        await owner.call("conversations.kick", channel=hidden, user=ann.user_id)
        assert await counts(ann) == 1


async def counts(client: ChatClient, query: str = "treasure") -> int:
    """The total, which must count no more than what is shown."""
    reply = (await client.call("search.messages", query=query))["messages"]
    assert reply["total"] == len(reply["matches"])
    return int(reply["total"])


async def test_whatever_is_typed_is_answered(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await say(acme.owner, acme.general, *NASTY[:7])
        await index(acme)
        for query in NASTY:
            for method in ("search.messages", "search.files", "search.all", "search.autocomplete"):
                reply = await acme.owner.call(method, query=query, sort="nonsense", sort_dir="up", page="-3", count="many", highlight="1")
                assert reply["ok"], (method, query, reply)
        for query in ("", "   "):
            assert await acme.owner.call("search.messages", query=query) == {"ok": False, "error": "no_query"}
            assert (await acme.owner.call("search.files", query=query))["error"] == "no_query"
            assert (await acme.owner.call("search.all", query=query))["error"] == "no_query"


async def test_suggestions_name_nobody_and_nothing_unseen(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ann = await acme.add("ann")
        await room(acme.owner, "hidden-plans", private=True)
        await room(acme.owner, "holidays")

        async def texts(client: ChatClient, query: str) -> list[str]:
            return [one["text"] for one in (await client.call("search.autocomplete", query=query))["suggestions"]]

        assert await texts(ann, "in:#h") == ["in:#holidays"] and await texts(acme.owner, "in:#h") == ["in:#hidden-plans", "in:#holidays"]
        assert await texts(ann, "x from:@an") == ["from:@ann"] and await texts(ann, "-has:re") == ["-has:reaction"]
        assert "after:" in await texts(ann, "a") and "from:@ann" in await texts(ann, "a")


async def test_files_are_found_by_name_and_by_what_is_in_them_where_they_may_be_seen(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ann = await acme.add("ann")
        hidden = await room(acme.owner, "hidden", private=True)
        await a_file(acme, "F0000000001", "quarterly-report.pdf", "revenue of the rockets", hidden)
        await a_file(acme, "F0000000002", "photo.png", "", acme.general)
        await index(acme)

        async def files(client: ChatClient, query: str) -> list[str]:
            reply = (await client.call("search.files", query=query))["files"]
            assert reply["total"] == len(reply["matches"])
            return [match["name"] for match in reply["matches"]]

        assert await files(acme.owner, "revenue") == await files(acme.owner, "report") == ["quarterly-report.pdf"]
        assert await files(ann, "revenue") == [] and await files(ann, "photo") == ["photo.png"]
        await acme.owner.call("conversations.invite", channel=hidden, users=ann.user_id)
        assert await files(ann, "venu") == ["quarterly-report.pdf"]
        everything = await ann.call("search.all", query="report")
        assert everything["files"]["total"] == 1


async def a_file(acme: Workspace, file_id: str, name: str, text: str, channel: str) -> None:
    ts = (await acme.owner.call("chat.postMessage", channel=channel, text=f"shared {file_id}"))["ts"].replace(".", "")
    owner = acme.tenant.database
    async with owner.writing(acme.scope) as connection:
        await connection.exec_driver_sql(
            "INSERT INTO files (workspace_id, file_id, user_id, name, title, size, mimetype, filetype, mode, state, object_key, etag,"
            " alt_txt, public_secret, scan, preview, media, created_us, expires_us, attempts) VALUES"
            f" ('{acme.scope.workspace_id}', '{file_id}', '{acme.owner.user_id}', '{name}', '{name}', 1, 'x/y', 'pdf', 'hosted', 'ready',"
            " 'k', 'e', '', '', 'clean', '', '{\"width\":0,\"height\":0}', 1, 0, 0)"
        )
        await connection.exec_driver_sql(
            "INSERT INTO file_shares (workspace_id, file_id, channel_id, ts_us, user_id) VALUES"
            f" ('{acme.scope.workspace_id}', '{file_id}', '{channel}', {ts}, '{acme.owner.user_id}')"
        )
        await connection.exec_driver_sql(
            f"INSERT INTO file_texts (workspace_id, file_id, text) VALUES ('{acme.scope.workspace_id}', '{file_id}', '{text}')"
        )


async def test_what_was_there_before_is_read_and_read_again_when_asked(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await say(acme.owner, acme.general, *[f"old {n}" for n in range(150)])
        await index(acme)
        assert (await acme.owner.call("search.messages", query="old"))["messages"]["total"] == 150
        await execute(cell_database.owner_url, "DELETE FROM search_messages")
        assert (await acme.command("search.reindex", engine="postgres"))["rebuilding"] is True
        await index(acme)
        assert (await acme.owner.call("search.messages", query="old"))["messages"]["total"] == 150
        status = await acme.command("search.status")
        assert status["engines"]["postgres"]["state"] == "whole" and status["engines"]["postgres"]["behind_events"] == 0
        async with acme.tenant.reading() as connection:
            assert [row.engine for row in await ProgressBook(connection, acme.scope).all()] == ["postgres"]


async def test_words_are_looked_up_by_index_for_one_workspace_alone(cell_database: FreshDatabase) -> None:
    """The functions' own statements, as PostgreSQL explains them while they run (auto_explain)."""
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await execute(
            cell_database.owner_url,
            "INSERT INTO search_messages"
            " SELECT w, 'C' || n % 50, n, n, ('''w' || n % 5000 || ''':1 ''often'':2 ''W:' || w || '''')::tsvector"
            " FROM generate_series(1, 40000) AS n, unnest(ARRAY[$1, 'TOTHER']) AS w",
            acme.scope.workspace_id,
        )
        words = "INSERT INTO search_words SELECT $1, 'word' || n FROM generate_series(1, 20000) AS n"
        await execute(cell_database.owner_url, words, acme.scope.workspace_id)
        await execute(cell_database.owner_url, "ANALYZE")
        channels = [f"C{n}" for n in range(50)]
        words_found = "search_messages_matching(ARRAY[$1::text::tsquery], 0, 99999, $2, NULL, NULL, $1::text::tsquery, 1, 10001, 0, 20)"
        newest = "search_messages_newest($1::text::tsquery, 0, 99999, $2, NULL, NULL, NULL, 1, 20)"
        asked = {words_found: ("w77", 8, "search_messages_words"), newest: ("often", 20, "search_messages_time")}
        connection = await asyncpg.connect(cell_database.owner_url)
        plans: list[str] = []
        connection.add_log_listener(lambda _, message: plans.append(str(message)))
        try:
            for statement in (*SHOW_PLANS, f"SET waggle.workspace_id = '{acme.scope.workspace_id}'"):
                await connection.execute(statement)
            for function, (word, count, wanted) in asked.items():
                plans.clear()
                rows = await connection.fetch(f"SELECT * FROM {function}", f"'{word}' & 'W:{acme.scope.workspace_id}'", channels)
                shown = "\n".join(plans)
                assert len(rows) == count and wanted in shown and "Seq Scan" not in shown, shown
            plans.clear()
            assert len(await connection.fetch("SELECT * FROM search_words_with('%ord77%', 5)")) == 5
            shown = "\n".join(plans)
            assert "search_words_parts" in shown and "Seq Scan" not in shown, shown
        finally:
            await connection.close()


async def test_a_dominant_workspace_finds_its_own_alone(cell_database: FreshDatabase) -> None:
    """Its mark is not asked for any more, so that only the condition on rows stands between it and the others."""
    async with a_chat(cell_database) as chat:
        acme, globex = await chat.found("acme"), await chat.found("globex")
        for workspace in (acme, globex):
            await say(workspace.owner, workspace.general, f"shibboleth of {workspace.scope.workspace_id}", "else")
            await index(workspace)
        await execute(cell_database.owner_url, "ANALYZE search_messages")
        for workspace in (acme, globex):
            for query in ("shibboleth", "*bbole*", "shib*", "-else"):
                assert await found(workspace.owner, query) == [f"shibboleth of {workspace.scope.workspace_id}"], query


SHOW_PLANS = (
    "LOAD 'auto_explain'",
    "SET auto_explain.log_min_duration = 0",
    "SET auto_explain.log_nested_statements = on",
    "SET client_min_messages = 'log'",
)


async def test_the_doors_of_search_show_one_workspace(cell_database: FreshDatabase) -> None:
    """The functions look on the owner's behalf; what they show is the scope's all the same."""
    async with a_chat(cell_database) as chat:
        acme, globex = await chat.found("acme"), await chat.found("globex")
        for workspace in (acme, globex):
            await say(workspace.owner, workspace.general, "shibboleth")
            await index(workspace)
        async with acme.tenant.database.reading(acme.scope) as connection:
            for door in ("search_messages_found('shibboleth'", "search_messages_matching(ARRAY['shibboleth'::tsquery, 'else']"):
                for workspace, count in ((acme, 1), (globex, 0)):
                    rows = await connection.exec_driver_sql(
                        f"SELECT channel_id FROM {door}, 0, 1::bigint << 61, $1, NULL, NULL, NULL, 1, 10, 0, 10)"
                        " WHERE channel_id IS NOT NULL",
                        ([workspace.general],),
                    )
                    assert len(rows.all()) == count
            words = await connection.exec_driver_sql("SELECT word FROM search_words_with('%shibboleth%', 10)")
            assert len(words.all()) == 1
        async with acme.tenant.database.upkeep() as connection:
            assert (await connection.exec_driver_sql("SELECT word FROM search_words_with('%', 10)")).all() == []
