"""What dies takes only its own with it, and what was acknowledged stays."""

import threading

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.harness import faults
from tests.harness.eventually import eventually
from tests.harness.platform import Platform
from tests.harness.slack import Listener, web_client
from tests.system.conftest import Workspace

pytestmark = [pytest.mark.system, pytest.mark.anyio]


class Poster:
    """Posts without pause from a thread of its own and keeps the ledger: what was acknowledged, what was refused."""

    def __init__(self, client: WebClient, channel: str) -> None:
        self._client, self._channel = client, channel
        self._stop = threading.Event()
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Poster":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            text = f"post {number}"
            try:
                self._client.chat_postMessage(channel=self._channel, text=text)
                self.acknowledged.append(text)
            except (SlackApiError, OSError) as error:
                self.refused.append(f"{text}: {error}")
                self._stop.wait(0.05)


def general(client: WebClient) -> str:
    return str(next(channel["id"] for channel in client.conversations_list()["channels"] if channel["name"] == "general"))


def texts(client: WebClient, channel: str) -> list[str]:
    """Every post of the channel, oldest first, by paging."""
    found: list[str] = []
    cursor = ""
    while True:
        page = client.conversations_history(channel=channel, limit=200, cursor=cursor)
        found += [message["text"] for message in page["messages"]]
        cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
        if not cursor:
            return [text for text in reversed(found) if text.startswith("post ")]


async def restarted(platform: Platform, process: str) -> None:
    before = platform.pid(process)
    faults.kill(before)
    await eventually(lambda: platform.pid(process) != before, within_s=30)


async def test_a_killed_cell_takes_only_its_own_workspaces_and_loses_nothing(
    platform: Platform, acme: Workspace, globex: Workspace
) -> None:
    ours, theirs = web_client(platform, acme.owner), web_client(platform, globex.owner)
    channel, other = general(ours), general(theirs)
    with Listener(platform, acme.owner) as socket:
        with Poster(ours, channel) as struck, Poster(theirs, other) as neighbour:
            await eventually(lambda: len(struck.acknowledged) > 20 and len(neighbour.acknowledged) > 20)
            faults.kill(platform.pid("cell-1"))
            await eventually(lambda: struck.refused, within_s=10)
            before = len(struck.acknowledged)
            await eventually(lambda: len(struck.acknowledged) > before + 20, within_s=60)
        assert neighbour.refused == []
        stored = texts(ours, channel)
        assert set(struck.acknowledged) <= set(stored)
        assert len(stored) == len(set(stored)), "a message was doubled"
        ranks = [stored.index(text) for text in struck.acknowledged]
        assert ranks == sorted(ranks), "messages were reordered"

        def delivered() -> list[str]:
            heard = [event for event in socket.events("message") if event.get("channel") == channel]
            return [event["text"] for event in heard if event["text"].startswith("post ")]

        await eventually(lambda: set(stored) <= set(delivered()), within_s=30)
        assert delivered() == stored, "the socket saw every post once and in order, across the kill"
        assert socket.closes == [], "the client's socket stayed open"


async def test_down_and_up_again_brings_everything_back(platform: Platform) -> None:
    kept = Workspace.of(platform.workspace("kept"))
    client = web_client(platform, kept.owner)
    channel = general(client)
    client.chat_postMessage(channel=channel, text="post 1")
    platform.down()
    with pytest.raises(OSError):
        client.auth_test()
    platform.up()
    assert texts(client, channel) == ["post 1"]
    assert platform.waggle("workspace", "show", "kept")["cell"] == kept.cell


async def test_everything_goes_on_without_the_control_plane(platform: Platform) -> None:
    """I6."""
    asked = Workspace.of(platform.workspace("asked-for", cell="cell-1"))
    unasked = Workspace.of(platform.workspace("never-asked-for", cell="cell-2"))
    client = web_client(platform, asked.owner)
    channel = general(client)
    snapshot = platform.home / "router" / "routes"
    await eventually(lambda: unasked.workspace_id.encode() in snapshot.read_bytes(), within_s=2)
    with faults.held_down(lambda: platform.pid("control-plane")):
        client.chat_postMessage(channel=channel, text="post 1")
        for process in ("router", "cell-1", "cell-2"):
            await restarted(platform, process)
        await eventually(lambda: web_client(platform, unasked.owner).auth_test()["ok"], within_s=30)
        await eventually(lambda: client.chat_postMessage(channel=channel, text="post 2")["ok"], within_s=30)
        assert texts(client, channel) == ["post 1", "post 2"]
