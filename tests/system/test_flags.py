"""A surface is switched off in one cell while everybody posts: obeyed in every process, and still after the control plane died."""

import time
from contextlib import suppress
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from tests.harness import faults
from tests.harness.eventually import eventually
from tests.harness.platform import Platform, Refused
from tests.harness.slack import web_client
from tests.system.conftest import Workspace

pytestmark = [pytest.mark.system, pytest.mark.anyio]

REACH_MS_MAX = 2_300.0
"""Promised are 2 s (docs/sre.md); the last look may begin just before."""
TRIES_MAX = 3
SWITCH_OFF = ("flag", "set", "search", "off", "--cell", "cell-2", "--reason", "the disk is full")


def search_error(platform: Platform, of: Workspace) -> str:
    """Slack's word; empty where it was searched."""
    try:
        web_client(platform, of.owner).search_messages(query="honey")
    except SlackApiError as error:
        assert error.response.status_code == 200
        return str(error.response["error"])
    return ""


def switched_off(platform: Platform) -> tuple[dict[str, Any], float]:
    """What the command said, and how long it took. A machine on which nothing runs for seconds is given three tries."""
    for _ in range(TRIES_MAX - 1):
        began_s = time.monotonic()
        with suppress(Refused):
            return platform.waggle(*SWITCH_OFF), time.monotonic() - began_s
    began_s = time.monotonic()
    return platform.waggle(*SWITCH_OFF), time.monotonic() - began_s


async def test_a_flag_reaches_everyone_and_outlives_the_control_plane(
    platform: Platform, acme: Workspace, globex: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (search_error(platform, acme), search_error(platform, globex)) == ("", "")

    said, took_s = switched_off(platform)
    assert search_error(platform, globex) == "service_unavailable"
    assert search_error(platform, acme) == ""
    assert (said["value"], said["scope"], said["target"], said["reason"]) == ("off", "cell", "cell-2", "the disk is full")
    assert said["reach"]["behind"] == [] and said["reach"]["processes"] == 3
    assert said["reach"]["took_ms"] < REACH_MS_MAX
    with capsys.disabled():
        print(f"\n3 processes obeyed after {said['reach']['took_ms']:.0f} ms; the command took {took_s * 1000:.0f} ms in all")

    platform.waggle("flag", "set", "finder", "off")
    platform.waggle("flag", "set", "search", "on", "--workspace", "globex", "--reason", "they pay")
    assert search_error(platform, globex) == ""
    platform.waggle("flag", "clear", "search", "--workspace", "globex")
    with pytest.raises(Refused, match="search is not set there"):
        platform.waggle("flag", "clear", "search", "--workspace", "globex")
    audited = [entry["target"] for entry in platform.waggle("audit", "list") if entry["action"] == "flag.set"]
    assert "search off for cell cell-2; why: the disk is full" in audited

    with faults.held_down(lambda: platform.pid("control-plane")):
        old = {name: platform.pid(name) for name in ("cell-2", "router")}
        for pid in old.values():
            faults.kill(pid)

        def back_and_off() -> bool:
            if any(platform.pid(name) == pid for name, pid in old.items()):
                return False
            try:
                web_client(platform, globex.owner).chat_postMessage(channel="general", text="we post all the same")
            except (OSError, SlackApiError):
                return False
            return search_error(platform, globex) == "service_unavailable" and search_error(platform, acme) == ""

        await eventually(back_and_off, within_s=60)

    def cleared() -> bool:
        try:
            return bool(platform.waggle("flag", "clear", "search", "--cell", "cell-2")["reach"]["version"])
        except Refused as refused:
            return "is not set there" in refused.line

    await eventually(cleared, within_s=60, every_s=0.3)
    await eventually(lambda: search_error(platform, globex) == "")
    (search,) = [known for known in platform.waggle("flag", "list", "--workspace", "globex")["flags"] if known["name"] == "search"]
    assert (search["value"], search["decided_by"]) == ("on", "default")
