"""Versions through a fleet of four under calls: taken back in time, gone on with after every kill, noticed by nobody."""

import asyncio
import os
import signal
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import asyncpg
import pytest

from chassis.identity import CellName
from control_plane.provision.layout import Ports
from control_plane.provision.postgres import Postgres
from control_plane.provision.processes import free_port
from tests.harness.builds import FAILING, NEVER_READY, a_build, with_migration
from tests.harness.callers import calling
from tests.harness.eventually import eventually
from tests.harness.platform import Platform, Refused

pytestmark = [pytest.mark.chaos, pytest.mark.anyio, pytest.mark.lasts(900)]
CELLS = ("cell-1", "cell-2", "cell-3", "cell-4")
OWN = version("waggle")
ROLLED_BACK_S_MAX = 60.0
HOLDING = "SELECT count(*) FROM messages"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("fleet")
    running = Platform(folder / "home", free_port())
    running.up(len(CELLS))
    for name, entry in (("failing", FAILING), ("never-ready", NEVER_READY), ("next", None)):
        running.waggle("fleet", "builds", "add", name, str(a_build(folder / name, entry)))
    running.waggle(
        "fleet", "builds", "add", "wider", str(with_migration(a_build(folder / "wider"), "ALTER TABLE messages ADD planted int"))
    )
    try:
        yield running
    finally:
        running.down()


@pytest.fixture(scope="module")
def tokens(platform: Platform) -> dict[str, str]:
    return {cell: platform.workspace(f"in-{cell}", cell)["tokens"]["owner"] for cell in CELLS}


async def versions(platform: Platform) -> list[list[str]]:
    found = await asyncio.to_thread(platform.waggle, "fleet", "status")
    return [cell["versions"] for cell in sorted(found["cells"], key=lambda cell: str(cell["name"]))]


async def shown(platform: Platform) -> dict[str, Any]:
    found: dict[str, Any] = await asyncio.to_thread(platform.waggle, "fleet", "show")
    return found


async def resting(platform: Platform) -> dict[str, Any]:
    async def ended() -> dict[str, Any] | None:
        try:
            found = await shown(platform)
        except Refused:  # the control plane is coming back
            return None
        return None if found["state"] in ("running", "rolling_back") else found

    found: dict[str, Any] | None = await eventually(ended, within_s=300)
    assert found is not None
    return found


@pytest.mark.parametrize(("build", "why"), [("failing", "errors rose from"), ("never-ready", "not ready as never-ready after 40 s")])
async def test_a_bad_build_is_taken_back_in_time(platform: Platform, tokens: dict[str, str], build: str, why: str) -> None:
    async with calling(platform.api, tokens) as answers:
        await asyncio.to_thread(platform.waggle, "fleet", "rollout", build, "--canary", "cell-3", "--bake", "30")
        ended = await resting(platform)
    assert (ended["state"], why in ended["problem"]) == ("rolled_back", True)
    assert ended["duration_s"] < ROLLED_BACK_S_MAX
    assert [answers.wrong(cell) for cell in CELLS if cell != "cell-3"] == [0, 0, 0]
    assert set(answers.of["cell-3"]) <= {"200", "500"} and (build == "failing" or not answers.wrong("cell-3"))
    assert await versions(platform) == [[OWN]] * len(CELLS)
    print(f"{build}: rolled back after {ended['duration_s']:.1f} s; {answers.of}")


async def test_a_good_build_goes_on_after_every_kill_and_nobody_notices(platform: Platform, tokens: dict[str, str]) -> None:
    """The control plane is killed in each wave."""
    async with calling(platform.api, tokens) as answers:
        begun = await asyncio.to_thread(platform.waggle, "fleet", "rollout", "next", "--bake", "5", "--ready", "120")
        for wave in begun["waves"]:

            async def at_work(wave: str = wave) -> bool:
                found = await shown(platform)
                return found["wave"] == wave and any(cell["stage"] == "working" for cell in found["cells"])

            await eventually(at_work, within_s=120)
            os.kill(platform.pid("control-plane"), signal.SIGKILL)
            await eventually(lambda: shown(platform), within_s=60)
        ended = await resting(platform)
    assert (ended["state"], ended["done"], ended["rollout_id"]) == ("done", len(CELLS), begun["rollout_id"])
    assert [answers.wrong(cell) for cell in CELLS] == [0] * len(CELLS)
    assert await versions(platform) == [["next"]] * len(CELLS)
    print(f"four cells upgraded in {ended['duration_s']:.1f} s with {len(begun['waves'])} kills; {answers.of}")


async def test_a_blocked_migration_halts_and_goes_on(platform: Platform) -> None:
    port = Ports(platform.home / "ports.json").kept("cell-2-postgres")
    assert port is not None
    url = Postgres(platform.home / "cells" / CellName("cell-2") / "postgres", port).url()
    holder = await asyncpg.connect(url)
    try:
        await holder.execute("BEGIN")
        await holder.fetch(HOLDING)
        with pytest.raises(Refused) as refused:
            await asyncio.to_thread(platform.waggle, "fleet", "migrate", "wider", "--lock-timeout", "1", "--wait")
        assert (
            f"held by pid {holder.get_server_pid()}" in refused.value.line and "ALTER TABLE messages ADD planted int" in refused.value.line
        )
    finally:
        holder.terminate()
    assert (await asyncio.to_thread(platform.waggle, "fleet", "migrate", "wider", "--wait"))["state"] == "done"
    found = await asyncio.to_thread(platform.waggle, "fleet", "rollout", "wider", "--bake", "3", "--wait", timeout_s=300)
    assert found["state"] == "done"
    back = await asyncio.to_thread(platform.waggle, "fleet", "rollout", OWN, "--bake", "3", "--wait", timeout_s=300)
    assert back["state"] == "done", "the code before works with the wider tables"
