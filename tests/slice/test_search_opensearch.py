"""A real OpenSearch node: it finds what PostgreSQL finds; killed or hanging it is passed over; what it missed it is told later."""

from collections.abc import Iterator

import pytest

from cells.chat.search.engines import ANSWERED
from cells.chat.search.hits import EngineUnavailable
from cells.chat.search.opensearch_index import LAYOUT
from cells.chat.search.opensearch_purging import purge_part
from tests.harness.chat import Workspace, a_chat
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.opensearch import Node, a_node
from tests.harness.searching import Shelves, found, index, shelves
from tests.harness.workspaces import execute

pytestmark = [pytest.mark.anyio, pytest.mark.lasts(120)]

TEXTS = (
    "Deployment of the rocket finished",
    "see https://x.example/a for rockets",
    "東京都庁へ行く",
    "deploy the rocket again",
    "nothing to see here",
)
QUERIES = (
    "rocket",
    "ploymen",
    "京都",
    "京",
    "has:link",
    "from:@ann rocket",
    "from:@owner",
    "has::tada:",
    "-rocket from:ann",
    "on:today rocket in:#general",
    "after:today",
    "rock*",
    "*ploy*",
    '"rocket finished"',
    '"finished rocket"',
    '"deploy the roc"*',
    "is:thread",
    "with:@ann",
    "in:@ann",
    "from:nobody rocket",
    "in:#secret",
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with a_node(tmp_path_factory.mktemp("opensearch")) as node:
        yield node


async def talk(acme: Workspace) -> None:
    ann = await acme.add("ann")
    for text in TEXTS:
        said = await ann.call("chat.postMessage", channel=acme.general, text=text)
    await ann.call("reactions.add", channel=acme.general, timestamp=said["ts"], name="tada")
    await acme.owner.call("chat.postMessage", channel=acme.general, text="a reply", thread_ts=said["ts"])
    secret = (await ann.call("conversations.create", name="secret", is_private="true"))["channel"]["id"]
    await ann.call("chat.postMessage", channel=secret, text="a secret rocket")
    await ann.call("chat.postMessage", channel=acme.owner.user_id, text="between us: rocket")


def answered(engine: str) -> float:
    return float(ANSWERED.labels(engine)._value.get())


async def test_both_engines_find_the_same(cell_database: FreshDatabase, node: Node) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await talk(acme)
        async with shelves(acme, node.url, "same") as kept:
            await kept.index()
            both = kept.client(acme.owner)
            before = answered("opensearch")
            for query in QUERIES:
                for order in ("timestamp", "score"):
                    tables = sorted(await found(acme.owner, query, sort=order))
                    assert sorted(await found(both, query, sort=order)) == tables, query
            assert answered("opensearch") >= before + 2 * len(QUERIES)
            assert await found(both, "secret") == [] and len(await found(both, "rocket", sort="timestamp", count=2, page=2)) == 2


async def test_parts_of_words_are_found_by_the_list_of_words_only_while_it_is_whole(cell_database: FreshDatabase, node: Node) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await talk(acme)
        async with shelves(acme, node.url, "listed") as kept:
            await kept.index()
            both, before = kept.client(acme.owner), answered("opensearch")
            assert len(await found(both, "*ploy*")) == 2 and await found(both, "*ploy* -*gain*") == [TEXTS[0]]
            await execute(cell_database.owner_url, "DELETE FROM search_words WHERE word = 'deployment'")
            assert await found(both, "*eploy*") == [TEXTS[3]]
            await execute(cell_database.owner_url, "UPDATE search_progress SET scanned = false WHERE engine = 'postgres'")
            assert sorted(await found(both, "*deplo*")) == sorted([TEXTS[0], TEXTS[3]])
            assert answered("opensearch") == before + 4


async def test_edits_deletes_and_membership_are_followed(cell_database: FreshDatabase, node: Node) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        bob = await acme.add("bob")
        room = (await acme.owner.call("conversations.create", name="room", is_private="true"))["channel"]["id"]
        ts = [(await acme.owner.call("chat.postMessage", channel=room, text=f"plan {n}"))["ts"] for n in "abc"]
        async with shelves(acme, node.url, "edits") as kept:
            await kept.index()
            await acme.owner.call("chat.update", channel=room, ts=ts[0], text="other words")
            await acme.owner.call("chat.delete", channel=room, ts=ts[1])
            await kept.index()
            owner, out = kept.client(acme.owner), kept.client(bob)
            assert await found(owner, "plan") == ["plan c"] and await found(owner, "other") == ["other words"]
            assert await found(out, "plan") == []
            await acme.owner.call("conversations.invite", channel=room, users=bob.user_id)
            assert await found(out, "plan") == ["plan c"]
            await acme.owner.call("conversations.kick", channel=room, user=bob.user_id)
            assert await found(out, "plan") == []


async def test_killed_it_is_passed_over_and_catches_up_without_loss(cell_database: FreshDatabase, node: Node) -> None:
    clock = ManualClock()
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await acme.owner.call("chat.postMessage", channel=acme.general, text="before the fall")
        async with shelves(acme, node.url, "killed", clock) as kept:
            await kept.index()
            client, before = kept.client(acme.owner), answered("postgres")
            node.kill()
            try:
                said = [f"meanwhile {n}" for n in range(7)]
                for text in said:
                    await acme.owner.call("chat.postMessage", channel=acme.general, text=text)
                await index(acme)
                for _ in range(4):
                    assert sorted(await found(client, "meanwhile")) == said
                assert answered("postgres") == before + 4 and not kept.cluster.answers
            finally:
                node.start()
            clock.advance(60)
            await kept.index()

            async def answered_again() -> bool:
                """A node that has just started may be slow once, and is then passed over for a while again."""
                clock.advance(60)
                asked = answered("opensearch")
                assert sorted(await found(client, "meanwhile")) == said
                return answered("opensearch") == asked + 1

            await eventually(answered_again)
            assert await found(client, "before") == ["before the fall"] and kept.cluster.answers


async def test_hanging_it_costs_a_bounded_wait(cell_database: FreshDatabase, node: Node) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await acme.owner.call("chat.postMessage", channel=acme.general, text="still there")
        async with shelves(acme, node.url, "hangs") as kept:
            await kept.index()
            node.pause()
            try:
                for _ in range(4):
                    assert await found(kept.client(acme.owner), "still") == ["still there"]
                assert not kept.cluster.answers
            finally:
                node.unpause()


async def test_an_index_is_rebuilt_elsewhere_while_it_answers_and_grows_out_of_the_pool(cell_database: FreshDatabase, node: Node) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await talk(acme)
        async with shelves(acme, node.url, "rebuilt", own_index_documents=20) as kept:
            await kept.index()
            client, before = kept.client(acme.owner), answered("opensearch")
            [first] = await kept.indexes()
            assert first == "rebuilt-pool-0"
            await kept.keeping.rebuild(acme.tenant)
            assert await kept.keeping.step(acme.tenant) and len(await found(client, "rocket")) == 4
            await kept.index()
            assert await kept.indexes() == ["rebuilt-pool-1"] and len(await found(client, "rocket")) == 4
            for n in range(20):
                await acme.owner.call("chat.postMessage", channel=acme.general, text=f"growing {n}")
            await kept.index()
            [own] = await kept.indexes()
            assert own.startswith(f"rebuilt-{acme.scope.workspace_id.lower()}-")
            assert len(await found(client, "growing", count=50)) == 20 and answered("opensearch") == before + 3


async def documents(kept: Shelves, workspace: Workspace) -> int:
    """Of the workspace, in any index of the cell."""
    mine = {"query": {"term": {"workspace": workspace.scope.workspace_id}}}
    await kept.cluster.tell(lambda client: client.indices.refresh(index=f"{kept.cluster.names.prefix}-*"))
    return int((await kept.cluster.tell(lambda client: client.count(index=f"{kept.cluster.names.prefix}-*", body=mine)))["count"])


async def test_a_workspace_that_has_left_leaves_nothing_and_its_neighbours_stay(cell_database: FreshDatabase, node: Node) -> None:
    async with a_chat(cell_database) as chat:
        acme, globex = await chat.found("acme"), await chat.found("globex")
        for workspace, own_index_documents in ((globex, 100), (acme, 100), (acme, 1)):
            await talk(workspace) if not await found(workspace.owner, "rocket") else None
            async with shelves(workspace, node.url, "left", own_index_documents=own_index_documents) as kept:
                await kept.index()
                there = await documents(kept, workspace)
                assert there > len(TEXTS)
                if workspace is acme:
                    parts = [await purge_part(kept.cluster, acme.scope.workspace_id) for _ in range(2)]
                    assert parts == [1 if own_index_documents == 1 else there, 0], "an index of its own leaves nothing in the pool"
                    assert await documents(kept, acme) == 0 and await documents(kept, globex) == there
                    with pytest.raises(EngineUnavailable, match="no index there"):
                        await kept.cluster.ask(kept.cluster.names.alias(acme.scope.workspace_id), {})


async def test_a_document_that_it_will_not_have_is_kept_as_a_dead_letter(cell_database: FreshDatabase, node: Node) -> None:
    fields = dict(LAYOUT["mappings"]["properties"])
    at = {"at": fields.pop("at")}
    narrow = {**LAYOUT, "mappings": {**LAYOUT["mappings"], "properties": fields}}
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        async with shelves(acme, node.url, "dead") as kept:
            await kept.cluster.tell(lambda client: client.indices.create(index="dead-pool-0", body=narrow))
            ts = (await acme.owner.call("chat.postMessage", channel=acme.general, text="refused at first"))["ts"]
            await kept.index()
            letters = await execute(cell_database.owner_url, "SELECT document, reason FROM search_failures")
            assert len(letters) == 1 and "strict_dynamic_mapping" in letters[0]["reason"]
            await kept.cluster.tell(lambda client: client.indices.put_mapping(index="dead-pool-0", body={"properties": at}))
            await acme.owner.call("chat.update", channel=acme.general, ts=ts, text="taken now")
            await kept.index()
            assert await execute(cell_database.owner_url, "SELECT 1 FROM search_failures") == []
            assert await found(kept.client(acme.owner), "taken") == ["taken now"]


async def test_a_full_disk_is_waited_for(cell_database: FreshDatabase, node: Node) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        async with shelves(acme, node.url, "full") as kept:
            await kept.index()

            async def block(yes: bool) -> None:
                blocks = {"index.blocks.write": yes}
                await kept.cluster.tell(lambda client: client.indices.put_settings(index="full-pool-0", body=blocks))

            await block(True)
            await acme.owner.call("chat.postMessage", channel=acme.general, text="waits for room")
            with pytest.raises(EngineUnavailable, match="takes nothing now"):
                await kept.index()
            await block(False)
            await kept.index()
            assert await found(kept.client(acme.owner), "room") == ["waits for room"]
