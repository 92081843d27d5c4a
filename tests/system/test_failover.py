"""A cell is backed up while its people post, is lost, is restored as another, and is fenced when it comes back."""

from pathlib import Path

import asyncpg
import pytest

from control_plane.provision.layout import Ports
from control_plane.provision.postgres import Postgres
from tests.harness.eventually import eventually
from tests.harness.platform import Platform, Refused
from tests.harness.slack import web_client
from tests.system.conftest import Workspace
from tests.system.test_failures import Poster, general, texts

pytestmark = [pytest.mark.system, pytest.mark.anyio]


class Disk:
    """A machine that is gone, and comes back with what it had: the supervisor sees no wish for its cell meanwhile."""

    def __init__(self, platform: Platform, cell: str) -> None:
        self._wish = platform.home / "cells" / cell / "cell.json"
        self._aside = self._wish.with_name("cell.json.gone")

    def lose(self) -> None:
        self._wish.rename(self._aside)

    def find(self) -> None:
        self._aside.rename(self._wish)


def state(platform: Platform, cell: str) -> dict[str, object]:
    return dict(platform.waggle("cell", "show", cell))


async def tenancy(platform: Platform, cell: str, workspace_id: str) -> tuple[str, int, str]:
    port = Ports(platform.home / "ports.json").kept(f"{cell}-postgres")
    assert port is not None
    connection = await asyncpg.connect(Postgres(platform.home / "cells" / cell / "postgres", port).url(), timeout=10)
    try:
        row = await connection.fetchrow("SELECT state, epoch, moved_to FROM tenancy WHERE workspace_id = $1", workspace_id)
    finally:
        await connection.close()
    assert row is not None
    return row["state"], row["epoch"], row["moved_to"]


@pytest.mark.lasts(400)
@pytest.mark.long
async def test_a_lost_cell_is_restored_and_fenced(platform: Platform, tmp_path: Path) -> None:
    acme = Workspace.of(platform.workspace("acme-inc", cell="cell-1"))
    client, backup = web_client(platform, acme.owner), tmp_path / "backup"
    channel = general(client)
    with Poster(client, channel) as poster:
        await eventually(lambda: len(poster.acknowledged) > 20)
        before = list(poster.acknowledged)
        kept = platform.waggle("cell", "backup", "cell-1", str(backup))
    assert poster.refused == [] and kept["workspaces"][0]["epoch"] == 1
    with pytest.raises(Refused, match="exists already"):
        platform.waggle("cell", "backup", "cell-1", str(backup))
    said = texts(client, channel)
    late = Workspace.of(platform.workspace("too-late", cell="cell-1"))

    for_all = ("region", "failover", "--from", "local", "--to", "local", "--cell", "cell-1")
    with pytest.raises(Refused, match="cell-1 lives"):
        platform.waggle(*for_all)
    disk = Disk(platform, "cell-1")
    disk.lose()
    await eventually(lambda: not state(platform, "cell-1")["healthy"], within_s=60)
    restored = platform.waggle("cell", "restore", str(backup), "cell-9")
    assert (restored["state"], await tenancy(platform, "cell-9", acme.workspace_id)) == ("active", ("incoming", 1, ""))

    plan = platform.waggle(*for_all)
    assert not plan["applied"] and [one["name"] for one in plan["left"]] == ["too-late"]
    assert (state(platform, "cell-1")["state"], platform.waggle("workspace", "show", "acme-inc")["cell"]) == ("active", "cell-1")
    done = platform.waggle(*for_all, "--apply")
    assert (done["applied"], done["steps"]) == (True, plan["steps"])
    given = {step["name"]: (step["from"], step["to"], step["epoch"]) for step in done["steps"]}
    assert given["acme-inc"] == ("cell-1", "cell-9", 2)
    await eventually(lambda: client.api_test())
    back = await eventually(lambda: texts(client, channel))
    # All that was acknowledged before the backup began, nothing that nobody said, in order.
    assert back[: len(before)] == before and back == said[: len(back)]
    assert client.chat_postMessage(channel=channel, text="post of the new life")["ok"]

    shown = platform.waggle("region", "show")
    assert (shown["lost"], {one["stage"] for one in shown["unfinished"]}) == (["cell-1"], {"fencing"})
    disk.find()
    await eventually(lambda: platform.waggle("region", "show") == {"lost": [], "unfinished": [], "more": 0}, within_s=60)
    assert await tenancy(platform, "cell-1", acme.workspace_id) == ("moved", 2, "cell-9")
    # What only the lost cell had is served again, and moves to where there is room.
    assert state(platform, "cell-1")["state"] == "draining"
    assert await eventually(lambda: web_client(platform, late.owner).auth_test()["ok"], within_s=60)
    assert texts(client, channel) == [*back, "post of the new life"]
