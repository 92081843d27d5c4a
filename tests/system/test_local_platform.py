"""`waggle up` and `waggle down` as a person types them: what comes back, what is said, what is left."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from control_plane.provision.processes import free_port
from tests.harness.eventually import eventually
from tests.harness.platform import WAGGLE, Platform, Refused, clean_environment
from tests.harness.prepared import prepare_home

pytestmark = pytest.mark.system
READY_FROM_NOTHING_S, CELL_ADDED_S = 120, 60
"""No measure of speed: bounds of a wait."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform(tmp_path_factory.mktemp("local") / "home", free_port())
    started = time.monotonic()
    running.up(cells=2)
    assert time.monotonic() - started < READY_FROM_NOTHING_S
    yield running
    running.down()


def auth_test(platform: Platform) -> dict[str, object]:
    token = json.loads((platform.home / "demo.json").read_text())["tokens"]["owner"]
    request = urllib.request.Request(f"{platform.api}auth.test", method="POST", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        answered: dict[str, object] = json.load(answer)
        return answered


def processes_of(home: Path) -> list[psutil.Process]:
    """Everything that has the home in its environment, its command line or as its working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.cwd(), *process.environ().values()]
        except (psutil.Error, OSError):
            continue
        if process.pid != os.getpid() and any(str(home) in word for word in words):
            found.append(process)
    return found


def test_a_second_up_says_what_runs(platform: Platform) -> None:
    said = platform.run("up", "--detach")
    assert "already running" in said
    assert platform.api in said


def test_a_cell_is_added_to_a_running_platform(platform: Platform) -> None:
    started = time.monotonic()
    made = platform.waggle("cell", "create")
    assert made["name"] == "cell-3"
    while "cell-3" not in {cell["name"] for cell in platform.waggle("cell", "list") if cell["state"] == "active"}:
        assert time.monotonic() - started < CELL_ADDED_S
        time.sleep(0.2)
    assert time.monotonic() - started < CELL_ADDED_S
    assert platform.workspace("thirdly", cell="cell-3")["cell"] == "cell-3"


@pytest.mark.anyio
async def test_home_comes_back_with_its_data_after_kill_9_of_everything(platform: Platform) -> None:
    before, cells = auth_test(platform), {cell["name"] for cell in platform.waggle("cell", "list")}
    supervisor = int((platform.home / "supervisor.lock").read_text())
    os.kill(supervisor, signal.SIGKILL)
    gone = [one for one in processes_of(platform.home) if one.pid != supervisor]
    psutil.wait_procs(gone, timeout=20)
    platform.up(cells=2)
    # A home that served before says what is missing, and waits for it no longer than people would.
    assert await eventually(lambda: auth_test(platform), within_s=60) == before
    assert {cell["name"] for cell in platform.waggle("cell", "list")} == cells


def test_tokens_are_in_no_log_and_secrets_on_no_command_line(platform: Platform) -> None:
    tokens = list(json.loads((platform.home / "demo.json").read_text())["tokens"].values())
    logs = "".join(path.read_text(errors="replace") for path in (platform.home / "logs").iterdir())
    assert [token for token in tokens if token in logs] == []
    secrets = [path.read_text().strip() for path in (*platform.home.rglob("*.password"), platform.home / "cluster-token")]
    lines = " ".join(" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"]))
    assert [secret for secret in secrets if secret in lines] == []


def test_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Refused) as refused:
            Platform(tmp_path / "home", taken.getsockname()[1]).up(cells=1)
    assert refused.value.exit_code == 1
    assert refused.value.line.count("\n") == 0
    assert "is taken by another program" in refused.value.line


def test_ctrl_c_in_the_foreground_stops_everything(tmp_path: Path) -> None:
    platform = Platform(tmp_path / "home", free_port())
    words = [WAGGLE, "up", "--cells", "1", "--port", str(platform.port), "--home", str(platform.home)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=clean_environment()) as up:
        assert up.stdout is not None
        assert any("Ctrl-C stops it" in line for line in up.stdout)
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
    assert processes_of(platform.home) == []
    assert list((platform.home / "run").iterdir()) == []


@pytest.mark.anyio
async def test_down_leaves_no_process_and_up_serves_without_a_cell_that_cannot_start(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    platform = Platform(tmp_path / "home", free_port())
    prepare_home(platform.home, tmp_path_factory)
    platform.up(cells=2)
    demo = json.loads((platform.home / "demo.json").read_text())["name"]
    burnt = {"cell-1", "cell-2"} - {platform.waggle("workspace", "show", demo)["cell"]}
    assert "stopped" in platform.run("down")
    assert processes_of(platform.home) == []
    assert "nothing runs" in platform.run("down")
    (platform.home / "cells" / burnt.pop() / "postgres" / "data" / "global" / "pg_control").unlink()
    try:
        platform.up(cells=2)
        assert await eventually(lambda: auth_test(platform)["ok"], within_s=60) is True
        assert "serving without cell-" in (platform.home / "logs" / "supervisor.log").read_text()
    finally:
        platform.down()
