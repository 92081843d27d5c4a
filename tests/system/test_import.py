"""An import through real processes: the command line is killed, the cell is killed, and in the end everything is there once."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.exports import an_export
from tests.harness.platform import UNLIMITED, WAGGLE, Platform, clean_environment

pytestmark = [pytest.mark.system, pytest.mark.lasts(120)]
MESSAGES = 8_000
BEGUN_S_MAX = 30.0


def begun(platform: Platform, name: str, path: Path) -> "subprocess.Popen[bytes]":
    command = [WAGGLE, "workspace", "import", name, str(path), "--json", "--home", str(platform.home)]
    environment = {**clean_environment(), **UNLIMITED, **platform.settings}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def wait_for_channel(platform: Platform, token: str, channel: str) -> None:
    """Until something of the import can be read: then it is in the middle."""
    deadline_s = time.monotonic() + BEGUN_S_MAX
    headers = {"Authorization": f"Bearer {token}"}
    while time.monotonic() < deadline_s:
        answer: dict[str, Any] = httpx.get(f"{platform.api}conversations.history?channel={channel}&limit=1", headers=headers).json()
        if answer.get("messages"):
            return
    raise AssertionError(f"nothing was imported within {BEGUN_S_MAX} s")


@pytest.mark.long
def test_killed_in_the_middle_it_ends_as_if_it_never_was(platform: Platform, tmp_path: Path) -> None:
    path, out = tmp_path / "export.zip", tmp_path / "out.zip"
    an_export(path, MESSAGES)
    whole = platform.workspace("whole", cell="cell-1")
    broken = platform.workspace("broken", cell="cell-2")
    wanted = platform.waggle("workspace", "import", "whole", str(path))
    assert wanted["counts"]["messages"] > MESSAGES / 2 and not wanted["resumed"]

    with begun(platform, "broken", path) as first:
        wait_for_channel(platform, broken["tokens"]["owner"], "C0CAFE0000")
        first.send_signal(signal.SIGKILL)
    with begun(platform, "broken", path) as second:
        os.kill(platform.pid("cell-2"), signal.SIGKILL)
        _, wrong = second.communicate(timeout=90)
        assert second.returncode == 0, wrong

    again = platform.waggle("workspace", "import", "broken", str(path))
    assert again["counts"] == wanted["counts"] and len(again["notes"]) == len(wanted["notes"]) and again["resumed"]
    exported = [platform.waggle("workspace", "export", name, "--to", str(out))["counts"] for name in ("whole", "broken")]
    assert exported[0] == exported[1] and exported[0]["replies"] == wanted["counts"]["replies"]
    first_screen(platform, whole["tokens"]["owner"])


def first_screen(platform: Platform, token: str) -> None:
    """GraphQL through the edge, by the token alone."""
    url = platform.api.replace("/api/", "/graphql")
    query = {"query": "{ workspace { name } members(first: 5) { id presence } channels { name } }"}
    answer = httpx.post(url, json=query, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200 and answer.json()["data"]["workspace"]["name"] == "whole"
    assert httpx.post(url, json=query).status_code in (401, 404)


@pytest.mark.parametrize(("content", "says"), [(b"no zip", "is no zip file"), (None, "cannot be read")])
def test_what_is_no_export_ends_in_a_line(platform: Platform, tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "x.zip"
    if content is not None:
        path.write_bytes(content)
    with begun(platform, "demo", path) as running:
        said, wrong = running.communicate(timeout=60)
    assert running.returncode == 1 and says in wrong.decode() and wrong.count(b"\n") == 1 and not said
