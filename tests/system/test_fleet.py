"""A build that fails reaches one cell of four and is taken back by itself, though the controller is killed while it is at it."""

import asyncio
import os
import signal
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from control_plane.provision.processes import free_port
from tests.harness.builds import FAILING, a_build
from tests.harness.callers import calling
from tests.harness.eventually import eventually
from tests.harness.platform import Platform, Refused

pytestmark = [pytest.mark.system, pytest.mark.anyio, pytest.mark.lasts(300), pytest.mark.long]
CELLS = ("cell-1", "cell-2", "cell-3", "cell-4")
OWN = version("waggle")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    running = Platform(tmp_path / "home", free_port())
    running.up(len(CELLS))
    try:
        yield running
    finally:
        running.down()


async def stage_of(platform: Platform, cell: str) -> str:
    found = await asyncio.to_thread(platform.waggle, "fleet", "show")
    return str(next(one["stage"] for one in found["cells"] if one["cell"] == cell))


async def test_a_build_that_fails_reaches_one_cell_and_is_taken_back_by_itself(platform: Platform, tmp_path: Path) -> None:
    platform.waggle("fleet", "builds", "add", "6.6.6", str(a_build(tmp_path / "bad", FAILING)))
    tokens = {cell: platform.workspace(f"in-{cell}", cell)["tokens"]["owner"] for cell in CELLS}
    async with calling(platform.api, tokens) as answers:
        begun = await asyncio.to_thread(platform.waggle, "fleet", "rollout", "6.6.6", "--canary", "cell-2", "--bake", "30")
        assert begun["waves"] == ["canary", "50 %", "rest"]

        async def under_way() -> bool:
            return await stage_of(platform, "cell-2") in ("working", "baking")

        await eventually(under_way, within_s=60)
        os.kill(platform.pid("control-plane"), signal.SIGKILL)
        ended = await ended_rollout(platform)
    assert (ended["state"], ended["rollout_id"]) == ("rolled_back", begun["rollout_id"])
    assert ended["problem"].startswith("cell-2: errors rose from 0.0% to ")
    print(f"rolled back after {ended['duration_s']:.1f} s, the control plane killed meanwhile; {answers.of}")
    assert {one["cell"]: one["stage"] for one in ended["cells"]} == dict.fromkeys(CELLS, "waiting") | {"cell-2": "undone"}
    assert [answers.wrong(cell) for cell in ("cell-1", "cell-3", "cell-4")] == [0, 0, 0]
    assert set(answers.of["cell-2"]) == {"200", "500"}, "nobody was turned away while versions changed"
    status = {cell["name"]: cell for cell in platform.waggle("fleet", "status")["cells"]}
    assert all(status[cell]["versions"] == [OWN] and status[cell]["healthy"] for cell in CELLS)


async def ended_rollout(platform: Platform) -> dict[str, Any]:
    async def ended() -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await asyncio.to_thread(platform.waggle, "fleet", "show")
        except Refused:  # the control plane is coming back
            return None
        return None if found["state"] in ("running", "rolling_back") else found

    found: dict[str, Any] | None = await eventually(ended, within_s=120)
    assert found is not None
    return found
