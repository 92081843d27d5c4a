"""What was to be sent later is sent once and in order, though the workspace moves meanwhile and its new cell is killed."""

import time

import pytest
from slack_sdk import WebClient

from tests.harness import faults
from tests.harness.eventually import eventually
from tests.harness.platform import Platform
from tests.harness.slack import web_client
from tests.system.conftest import Workspace
from tests.system.test_failures import general

pytestmark = [pytest.mark.system, pytest.mark.anyio]
MESSAGES, FIRST_S = 12, 3


def texts(client: WebClient, channel: str) -> list[str]:
    """Oldest first; one page."""
    return [message["text"] for message in reversed(client.conversations_history(channel=channel, limit=999)["messages"])]


async def test_sent_once_across_a_move_and_a_kill(platform: Platform, acme: Workspace) -> None:
    owner = web_client(platform, acme.owner)
    channel, now_s = general(owner), int(time.time())
    expected = [f"later {number}" for number in range(MESSAGES)]
    for number, text in enumerate(expected):
        owner.chat_scheduleMessage(channel=channel, text=text, post_at=str(now_s + FIRST_S + number))
    owner.reminders_add(text="stretch", time=str(now_s + FIRST_S + MESSAGES // 2))
    await eventually(lambda: "later 0" in texts(owner, channel))
    platform.waggle("move", "start", acme.name, "--to", "cell-2", "--window", "0", "--wait")
    before = platform.pid("cell-2")
    faults.kill(before)
    await eventually(lambda: platform.pid("cell-2") != before)
    await eventually(lambda: expected[-1] in texts(owner, channel), within_s=30)
    assert texts(owner, channel) == expected
    assert owner.chat_scheduledMessages_list()["scheduled_messages"] == []
    direct = owner.conversations_open(users=web_client(platform, acme.bot).auth_test()["user_id"])["channel"]["id"]
    await eventually(lambda: texts(owner, direct) == ["Reminder: stretch"])
