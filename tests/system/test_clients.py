"""Slack's own clients, unmodified, play one scenario through the edge: slack_sdk, waited for and not, and @slack/web-api on node."""

import asyncio
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from control_plane.provision.processes import free_port
from tests.harness.platform import Platform, clean_environment
from tests.scenario.walk import Line, Step, Walk, first_names, steps

pytestmark = [pytest.mark.system, pytest.mark.lasts(180)]
NODE = Path(__file__).parents[1] / "node"
CALLS_MIN = 100
NODE_S_MAX = 60


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One cell, with the limits that `waggle up` comes with."""
    platform = Platform(tmp_path_factory.mktemp("clients") / "home", free_port(), {"WAGGLE_CELL_RATE_LIMITS": "1"})
    platform.up(1)
    try:
        yield platform
    finally:
        platform.down()


def tokens(platform: Platform, name: str) -> dict[str, str]:
    """A workspace of its own for each client: all play the same parts."""
    made = platform.workspace(name)
    member = platform.waggle("user", "add", name, "member@example.com")
    return {"owner": made["tokens"]["owner"], "bot": made["tokens"]["bot"], "member": member["token"]}


def judge(wanted: list[Step], lines: list[Line]) -> None:
    """Each step succeeded, or was refused with its word."""
    assert len(lines) == len(wanted)
    for step, line in zip(wanted, lines, strict=True):
        said = line["response"]
        assert (None if said["ok"] else said.get("error", said)) == step.get("refused"), (step, said)


def shape(line: Line) -> tuple[str, Any]:
    """What must not depend on the client: which keys an answer has, and what node's client adds left away."""
    return line["method"], sorted(set(line["response"]) - {"response_metadata"})


def by_node(platform: Platform, of: dict[str, str], wanted: list[Step]) -> list[Line]:
    told = {"base": platform.api, "tokens": of, "names": first_names(), "steps": wanted}
    done = subprocess.run(
        ["node", "walk.mjs"],
        cwd=NODE,
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=NODE_S_MAX,
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_scenario_is_long_enough() -> None:
    assert sum("call" in step for step in steps()) >= CALLS_MIN


def test_slack_sdk_and_its_async_client(platform: Platform) -> None:
    wanted = steps()
    clients = {who: WebClient(token, base_url=platform.api) for who, token in tokens(platform, "plain").items()}
    lines = asyncio.run(Walk(clients).through(wanted))
    judge(wanted, lines)
    waiting = {who: AsyncWebClient(token, base_url=platform.api) for who, token in tokens(platform, "waiting").items()}
    awaited = asyncio.run(Walk(waiting).through(wanted))
    judge(wanted, awaited)
    assert [shape(line) for line in awaited] == [shape(line) for line in lines]


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
@pytest.mark.skipif(not (NODE / "node_modules").is_dir(), reason="@slack/web-api is not installed (make test does where npm is)")
def test_web_api_on_node(platform: Platform) -> None:
    wanted = steps()
    judge(wanted, by_node(platform, tokens(platform, "node"), wanted))


def test_who_asks_too_often_is_told_when_to_come_back(platform: Platform) -> None:
    """As slack_sdk's own tests do it: users.list until it is too much. Other methods are not held back by it."""
    client = WebClient(tokens(platform, "hasty")["bot"], base_url=platform.api)
    with pytest.raises(SlackApiError) as refused:
        for _ in range(CALLS_MIN):
            client.users_list()
    answer = refused.value.response
    assert (answer.status_code, answer["error"], int(answer.headers["retry-after"]) > 0) == (429, "ratelimited", True)
    assert client.auth_test()["ok"]


def test_methods_are_listed_for_anyone(platform: Platform) -> None:
    with urllib.request.urlopen(f"{platform.api}_methods", timeout=10) as answer:
        listed = {method["name"]: method for method in json.load(answer)["methods"]}
    assert listed["users.list"]["scopes"] == ["users:read"] and not [name for name in listed if name.startswith("apps.")]
