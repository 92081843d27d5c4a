"""Moves can be stopped at a point, in a platform of tests and in no other."""

import asyncio
from pathlib import Path

import pytest

from chassis.errors import SettingsError
from chassis.settings import load
from control_plane.app.settings import PREFIXES, ControlSettings
from control_plane.moves import PauseFolder
from tests.harness.eventually import eventually

REQUIRED = {
    "WAGGLE_CONTROL_LISTEN": "127.0.0.1:1",
    "WAGGLE_CONTROL_HEALTH": "127.0.0.1:2",
    "WAGGLE_CONTROL_DATABASE_URL": "postgresql://nowhere/x",
    "WAGGLE_CLUSTER_TOKEN_FILE": "/nowhere",
    "WAGGLE_CONTROL_MOVE_PAUSES": "/nowhere",
}


def test_a_platform_of_people_cannot_be_told_to_stop_moves() -> None:
    with pytest.raises(SettingsError, match="WAGGLE_CONTROL_TESTING=1 only"):
        load(ControlSettings, REQUIRED, PREFIXES)
    assert load(ControlSettings, {**REQUIRED, "WAGGLE_CONTROL_TESTING": "1"}, PREFIXES).move_pauses == Path("/nowhere")


@pytest.mark.anyio
async def test_a_move_stops_where_it_is_asked_to_and_goes_on_when_the_file_is_gone(tmp_path: Path) -> None:
    pause, asked = PauseFolder(tmp_path), tmp_path / "copy.before"
    asked.touch()
    await pause("copy.after")
    stopped = asyncio.create_task(pause("copy.before"))
    await eventually((tmp_path / "copy.before.reached").exists)
    assert not stopped.done()
    asked.unlink()
    async with asyncio.timeout(5):
        await stopped
