"""A platform of three cells of which one is hot: it is levelled while people post and the control plane dies, and then left alone."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient

from control_plane.provision.processes import free_port
from tests.harness.eventually import eventually
from tests.harness.platform import Platform, Refused
from tests.harness.slack import web_client
from tests.system.test_failures import general, texts

pytestmark = [pytest.mark.system, pytest.mark.anyio, pytest.mark.lasts(400), pytest.mark.long]

BEES = 6
HOT_EVENTS_PER_S = 0.3
"""Of all together, as an average of ten minutes."""
SETTINGS = {"WAGGLE_CONTROL_LOAD_INTERVAL_S": "1", "WAGGLE_CONTROL_CELL_EVENTS_PER_S": "1"}


@pytest.fixture(scope="module")
def hot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Every workspace is in cell-1: the others took none when they were made."""
    folder = tmp_path_factory.mktemp("platform")
    (folder / "pauses").mkdir()
    pauses = {"WAGGLE_CONTROL_TESTING": "1", "WAGGLE_CONTROL_MOVE_PAUSES": str(folder / "pauses")}
    platform = Platform(folder / "home", free_port(), {**SETTINGS, **pauses})
    platform.up(3)
    try:
        for name in ("cell-2", "cell-3"):
            platform.waggle("cell", "drain", name, "--wait")
        yield platform
    finally:
        platform.down()


class Round:
    """Posts to one channel after another, without end, and keeps the ledger."""

    def __init__(self, word: str, channels: list[tuple[WebClient, str]]) -> None:
        self._word, self._channels, self._stop = word, channels, threading.Event()
        self.acknowledged: list[list[str]] = [[] for _ in channels]
        self.refused: list[str] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Round":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            for (client, channel), ledger in zip(self._channels, self.acknowledged, strict=True):
                text = f"post {self._word} {len(ledger)}"
                try:
                    client.chat_postMessage(channel=channel, text=text)
                except Exception as error:  # noqa: BLE001 - whatever it was, somebody's post was refused
                    self.refused.append(repr(error))
                else:
                    ledger.append(text)


def events(plan: dict[str, Any], when: str) -> list[float]:
    return [cell[when]["events/s"] for cell in plan["cells"]]


async def test_a_hot_cell_is_levelled_while_people_post_and_then_left_alone(hot: Platform) -> None:
    owners = [hot.workspace(f"bees-{number}")["tokens"]["owner"] for number in range(BEES)]
    for name in ("cell-2", "cell-3"):
        hot.waggle("cell", "undrain", name)
    clients = [web_client(hot, owner) for owner in owners]
    channels = [(client, general(client)) for client in clients]

    def planned() -> dict[str, Any]:
        found: dict[str, Any] = hot.waggle("rebalance", "plan")
        assert events(found, "before")[0] > HOT_EVENTS_PER_S and len(found["moves"]) >= 4, found
        return found

    # What is posted before a cell first tells of a workspace is not counted: go on until all of it is hot.
    with Round("early", channels) as early:
        await eventually(planned, within_s=120, every_s=1)
    plan = await eventually(planned, within_s=120, every_s=1)
    assert max(events(plan, "after")) < 0.6 * max(events(plan, "before"))
    assert all(" is " in move["why"] and move["source"] == "cell-1" and move["pause_ms"] > 0 for move in plan["moves"])
    assert len(hot.waggle("rebalance", "apply", "--dry-run")["moves"]) == len(plan["moves"])

    held = hot.home.parent / "pauses" / "prepare.before"
    held.touch()
    with Round("live", channels) as posting:
        run = hot.waggle("rebalance", "apply", "--no-watch", "--at-once", "1", "--window", "5")
        stopped = hot.waggle("rebalance", "stop")
        assert (stopped["state"], stopped["moving"] + stopped["waiting"]) == ("stopped", len(plan["moves"]))
        assert stopped["waiting"] >= 3 and stopped["problem"].startswith("stopped by cluster:")
        assert hot.waggle("rebalance", "resume", "--no-watch")["state"] == "running"
        os.kill(hot.pid("control-plane"), signal.SIGKILL)
        held.unlink()

        def done() -> dict[str, Any] | None:
            found: dict[str, Any] = hot.waggle("rebalance", "show")
            if found["state"] == "stopped":  # this machine was too busy for its cells to fare as they did
                assert "p99" in found["problem"], found
                hot.waggle("rebalance", "resume", "--no-watch")
            return found if found["state"] == "done" else None

        ended = await eventually(done, within_s=180, every_s=1)
    assert ended is not None and (ended["run_id"], ended["state"]) == (run["run_id"], "done"), ended
    assert ended["done"] == len(run["moves"]) and not ended["failed"], ended
    assert early.refused + posting.refused == []
    for (client, channel), first, live in zip(channels, early.acknowledged, posting.acknowledged, strict=True):
        assert texts(client, channel) == first + live

    after = hot.waggle("rebalance", "plan")
    assert after["moves"] == []
    assert max(events(after, "before")) < 0.6 * sum(events(after, "before"))
    with pytest.raises(Refused, match="there is nothing to level"):
        hot.waggle("rebalance", "apply")
    with pytest.raises(Refused, match="is done already"):
        hot.waggle("rebalance", "stop")
    assert [each["run_id"] for each in hot.waggle("rebalance", "list")] == [run["run_id"]]
    shown = hot.run("rebalance", "show", run["run_id"])
    assert "even is" in shown and "ms" in shown


def test_orders_that_cannot_be_are_refused_in_a_line(hot: Platform) -> None:
    with pytest.raises(Refused, match="there is no run 'rb_none'"):
        hot.waggle("rebalance", "show", "rb_none")
    with pytest.raises(Refused, match="no cell is in region 'moon'; there are cells in: local"):
        hot.waggle("rebalance", "plan", "--region", "moon")
