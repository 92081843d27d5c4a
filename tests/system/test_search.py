"""A cell with a real OpenSearch: found, killed, passed over and said so, back and caught up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane.provision.processes import free_port
from tests.harness.eventually import eventually
from tests.harness.opensearch import Node, a_node
from tests.harness.platform import Platform
from tests.harness.slack import web_client

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.lasts(180)]
SAID = "search: OpenSearch does not answer; PostgreSQL answers instead"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    (tmp_path / "opensearch").mkdir()
    with a_node(tmp_path / "opensearch") as node:
        yield node


async def test_a_cell_searches_with_opensearch_and_without_it(tmp_path: Path, node: Node) -> None:
    platform = Platform(tmp_path / "home", free_port(), {"WAGGLE_CELL_OPENSEARCH_URL": node.url, "WAGGLE_CELL_RATE_LIMITS": "0"})
    platform.up(1)
    try:
        made = platform.workspace("acme")
        client = web_client(platform, made["tokens"]["owner"])
        channel = client.conversations_create(name="eng")["channel"]["id"]

        def total(query: str) -> int:
            return int(client.search_messages(query=query)["messages"]["total"])

        def state(of: str) -> tuple[str, int]:
            engines = platform.waggle("search", "status", "acme")["engines"]
            return engines.get(of, {}).get("state", ""), engines.get(of, {}).get("behind_events", -1)

        def notices() -> set[str]:
            return {notice for cell in platform.waggle("status")["cells"] for one in cell["processes"] for notice in one["notices"]}

        client.chat_postMessage(channel=channel, text="the eagle has landed")
        await eventually(lambda: state("opensearch:waggle-cell-1") == ("whole", 0) and total("eagle") == 1, 60, 0.3)
        node.kill()
        client.chat_postMessage(channel=channel, text="the eagle has no engine")
        await eventually(lambda: total("eagle") == 2 and SAID in notices(), 60, 0.3)
        node.start()
        await eventually(lambda: state("opensearch:waggle-cell-1") == ("whole", 0) and notices() == set() and total("eagle") == 2, 60, 0.3)
        platform.waggle("search", "reindex", "acme")
        await eventually(lambda: state("opensearch:waggle-cell-1:next") == ("", -1) and total("eagle") == 2, 60, 0.3)
    finally:
        platform.down()
