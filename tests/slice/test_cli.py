"""`waggle` against a running control plane: the JSON that scripts rely on, and refusals as one line."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from control_plane.provision.layout import Layout
from tests.harness.control import ControlPlane, FakeCell, running_cell, running_control_plane
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually

pytestmark = pytest.mark.anyio

Waggle = Callable[..., Coroutine[None, None, tuple[int, Any, str]]]
VERB_S_MAX = 60.0
WORKSPACE_KEYS = ["workspace_id", "name", "url", "cell", "epoch", "state"]


@pytest.fixture
async def control(control_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(control_database.app_url, tmp_path) as running, running_cell(FakeCell(), running.credential) as at:
        await running.heartbeat("cell-1", at)
        facts = {"control_plane": running.address, "public_url": "http://127.0.0.1:8080"}
        Layout(tmp_path).platform.write_text(json.dumps(facts))
        yield running


@pytest.fixture
def waggle(control: ControlPlane, tmp_path: Path) -> Waggle:
    """(exit code, parsed stdout or None, stderr) of a verb with --json, in a process of its own."""

    async def waggle(*words: str) -> tuple[int, Any, str]:
        command = (sys.executable, "-m", "control_plane.cli", *words, "--json", "--home", str(tmp_path))
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        async with asyncio.timeout(VERB_S_MAX):
            out, err = await process.communicate()
        return process.returncode or 0, json.loads(out) if out else None, err.decode()

    return waggle


async def test_workspace_create_and_show(waggle: Waggle) -> None:
    code, made, err = await waggle("workspace", "create", "acme", "--cell", "cell-1")
    assert (code, err, list(made)) == (0, "", [*WORKSPACE_KEYS, "tokens"])
    assert made["tokens"] == {"owner": "xoxp-1", "bot": "xoxb-1"}
    del made["tokens"]
    for reference in ("acme", made["workspace_id"]):
        assert await waggle("workspace", "show", reference) == (0, made, "")
    assert await waggle("workspace", "list") == (0, [made], "")


async def test_user_add(waggle: Waggle) -> None:
    await waggle("workspace", "create", "acme")
    _, added, _ = await waggle("user", "add", "acme", "bob@acme.example")
    assert added == {"user_id": "U1", "email": "bob@acme.example", "token": "xoxp-2"}
    refused = await waggle("user", "add", "acme", "taken@acme.example")
    assert refused == (1, None, "waggle: already_in_team: taken@acme.example is a member\n")


async def test_cell_list(waggle: Waggle) -> None:
    assert await waggle("cell", "list") == (0, [{"name": "cell-1", "region": "local", "state": "active", "workspaces": 0, "load": 0.0}], "")


async def test_cell_create_waits_for_a_sign_of_life(waggle: Waggle, control: ControlPlane) -> None:
    creating = asyncio.create_task(waggle("cell", "create"))
    await eventually(lambda: control.provisioner.wishes)
    assert not creating.done()
    await control.heartbeat("cell-2", "127.0.0.1:9")
    code, made, _ = await creating
    assert (code, made["name"], made["state"]) == (0, "cell-2", "active")


async def test_doctor_exits_with_1_when_something_is_wrong(waggle: Waggle) -> None:
    await waggle("workspace", "create", "acme")
    code, told, err = await waggle("doctor", "acme")
    assert (code, told["ok"], err) == (1, False, "")
    assert told["verdict"] == "acme: router is wrong: no router follows the directory"


async def test_refusals_are_one_line(waggle: Waggle) -> None:
    assert await waggle("workspace", "show", "nobody") == (1, None, "waggle: there is no workspace 'nobody'\n")


async def test_a_stranger_is_told_to_look_for_the_right_home(waggle: Waggle, tmp_path: Path) -> None:
    Layout(tmp_path).token.write_text("a-credential-of-another-platform\n")
    code, _, err = await waggle("status")
    assert (code, err.count("\n")) == (1, 1) and "does not accept this credential" in err
