"""A cell is emptied while its people post, taken back, and ended only once nothing lives there or can come back."""

import pytest

from tests.harness.eventually import eventually
from tests.harness.platform import Platform, Refused
from tests.harness.slack import web_client
from tests.system.conftest import Workspace
from tests.system.test_failures import Poster, general, texts

pytestmark = [pytest.mark.system, pytest.mark.anyio]


def cell_of(platform: Platform, name: str) -> str:
    return str(platform.waggle("workspace", "show", name)["cell"])


def runs(platform: Platform, process: str) -> bool:
    try:
        return platform.pid(process) > 0
    except FileNotFoundError:
        return False


async def test_a_cell_is_drained_and_retired(platform: Platform) -> None:
    made = [Workspace.of(platform.workspace(f"bees-{number}")) for number in range(3)]
    away = made[0]
    emptied, other = away.cell, next(name for name in ("cell-1", "cell-2") if name != away.cell)
    client = web_client(platform, away.owner)
    channel = general(client)
    with Poster(client, channel) as poster:
        await eventually(lambda: len(poster.acknowledged) > 10)
        drained = platform.waggle("cell", "drain", emptied, "--wait")
    assert (drained["state"], drained["left"], drained["stuck"]) == ("draining", 0, [])
    assert poster.refused == []
    assert texts(client, channel) == poster.acknowledged
    assert {cell_of(platform, workspace.name) for workspace in made} == {other}
    assert platform.workspace("newcomer")["cell"] == other

    with pytest.raises(Refused, match="can still be rolled back to it"):
        platform.waggle("cell", "retire", emptied)
    with pytest.raises(Refused, match="only cell that serves region"):
        platform.waggle("cell", "drain", other)
    for move in platform.waggle("move", "list"):
        platform.waggle("move", "finish", move["move_id"], "--wait")
    assert platform.waggle("cell", "undrain", emptied)["state"] == "active"
    assert platform.waggle("cell", "drain", emptied, "--wait")["left"] == 0
    assert platform.waggle("cell", "retire", emptied)["state"] == "retired"
    await eventually(lambda: not runs(platform, emptied), within_s=60)
    assert client.chat_postMessage(channel=channel, text="still here")["ok"]


async def test_a_pinned_workspace_stays_and_is_named(platform: Platform) -> None:
    third = platform.waggle("cell", "create")["name"]
    platform.workspace("pinned", cell=third)
    platform.waggle("cell", "drain", third)

    def stuck() -> list[str]:
        found = platform.waggle("cell", "drain", third)
        return [one["why"] for one in found["stuck"] if one["workspace"] == "pinned"]

    (why,) = await eventually(stuck, within_s=30)
    assert f"{third} is draining" in why and "waggle move start pinned --to CELL" in why
    undrained = platform.waggle("cell", "undrain", third)
    assert (undrained["state"], undrained["left"]) == ("active", 1)
