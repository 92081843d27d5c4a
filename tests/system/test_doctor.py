"""`waggle doctor` names the first thing that is wrong, whatever is broken; and what it breaks for whom."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from tests.harness import faults
from tests.harness.eventually import eventually
from tests.harness.platform import Platform, Refused
from tests.system.conftest import Workspace

pytestmark = [pytest.mark.system, pytest.mark.anyio]
HUNG_NOTICED_S = 25.0
"""Keepalive: 10 s of silence, 5 s for a ping."""


@contextmanager
def hung(platform: Platform, process: str) -> Iterator[None]:
    """The process and its children stand still; their sockets stay open."""
    pid = platform.pid(process)
    with ExitStack() as stack:
        for one in (pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))):
            stack.enter_context(faults.paused(one))
        yield


def verdict(platform: Platform, workspace: str) -> str:
    """What the doctor says is wrong; empty when all is well."""
    try:
        platform.run("doctor", workspace)
    except Refused as refused:
        return refused.said + refused.line
    return ""


def asked(platform: Platform, token: str, timeout_s: float = 40) -> tuple[int, str, float]:
    """(status, error word, seconds) of users.list."""
    request = urllib.request.Request(f"{platform.api}users.list", method="POST", headers={"Authorization": f"Bearer {token}"})
    began_s = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            status, body = answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        status, body = error.code, json.load(error)
    return status, body.get("error", ""), time.monotonic() - began_s


@pytest.mark.parametrize(
    ("process", "named"),
    [("cell-1-valkey", "redis is wrong"), ("cell-1-postgres", "database is wrong")],
)
async def test_a_hung_server_of_the_cell_is_named(platform: Platform, acme: Workspace, globex: Workspace, process: str, named: str) -> None:
    with hung(platform, process):
        assert named in verdict(platform, "acme-inc")
        assert asked(platform, globex.owner)[:2] == (200, "")
        assert verdict(platform, "globex") == ""
    await eventually(lambda: asked(platform, acme.owner)[0] == 200)
    await eventually(lambda: verdict(platform, "acme-inc") == "")


async def test_a_hung_cell_is_noticed_and_nothing_piles_up_behind_it(platform: Platform, acme: Workspace, globex: Workspace) -> None:
    """I8: a request to a process that hangs waits for the keepalive at most; after that each is refused at once."""
    with hung(platform, "cell-1"):
        status, error, waited_s = asked(platform, acme.owner)
        assert (status, error) == (503, "service_unavailable")
        assert waited_s < HUNG_NOTICED_S
        for _ in range(5):
            status, error, waited_s = asked(platform, acme.owner)
            assert (status, error) == (503, "service_unavailable")
            assert waited_s < 1
        assert asked(platform, globex.owner)[:2] == (200, "")
        assert "cell is wrong" in verdict(platform, "acme-inc")
    await eventually(lambda: asked(platform, acme.owner)[0] == 200)


async def test_a_hung_router_is_named(platform: Platform, acme: Workspace) -> None:
    with hung(platform, "router"):
        await eventually(lambda: "no router follows" in verdict(platform, "acme-inc"), within_s=HUNG_NOTICED_S)
    await eventually(lambda: verdict(platform, "acme-inc") == "", within_s=30)
