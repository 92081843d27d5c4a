"""What a plan bounds, and what floods meet: exact where a row is written, and never a retry's fault."""

import asyncio
import time
from typing import Any
from unittest.mock import patch

import pytest

from cells.chat.domain.plans.errors import MemberLimitExceeded, UnknownPlan
from cells.chat.domain.plans.plan import PLANS, Plan
from cells.chat.workload import chat
from cells.runtime.bus import Claims
from cells.runtime.workload import Admitted
from tests.harness.chat import ChatClient, Workspace, a_chat
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase

pytestmark = pytest.mark.anyio


def guarded(acme: Workspace, clock: ManualClock) -> ChatClient:
    app = chat(clock, Claims(None, clock), rate_limits=1_000).app
    return ChatClient(app, acme.tenant, acme.owner.token, acme.owner.user_id)


async def test_there_is_room_for_as_many_people_as_the_plan_says(cell_database: FreshDatabase) -> None:
    """Ten come at once; bots need no room."""
    with patch.dict(PLANS, {"tiny": Plan("tiny", None, 4, None)}):
        async with a_chat(cell_database) as one:
            acme = await one.found("acme")
            assert (await acme.command("plan.set", plan="tiny"))["members"] == 4
            came = await asyncio.gather(*(acme.add(f"p{number}") for number in range(10)), return_exceptions=True)
            refused = [outcome for outcome in came if isinstance(outcome, BaseException)]
            assert len(refused) == 7 and all(isinstance(outcome, MemberLimitExceeded) for outcome in refused)
            assert len((await acme.owner.call("users.list"))["members"]) == 4 + 1
            with pytest.raises(UnknownPlan, match="there are: free, standard, unlimited"):
                await acme.command("plan.set", plan="golden")
            with pytest.raises(UnknownPlan):
                await one.found("other", plan="golden")
            assert (await (await one.found("fourth", plan="tiny")).command("plan.show"))["members"] == 4


async def test_links_are_slowed_and_then_refused(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as one:
        acme, clock = await one.found("acme"), ManualClock()
        client, said = guarded(acme, clock), {"channel": acme.general}
        for number in range(4):
            assert (await client.call("chat.postMessage", text=f"{number} " + "https://x.example " * 10, **said))["ok"]
        slowed = await client.form("chat.postMessage", {**said, "text": "https://y.example"})
        assert (slowed.status, slowed.headers["retry-after"]) == (429, "5")
        assert (await client.call("chat.postMessage", text="no link", **said))["ok"]
        clock.advance(5)
        assert (await client.call("chat.postMessage", text="5 " + "https://x.example " * 40, **said))["ok"]
        assert (await client.call("chat.postMessage", text="https://z.example", **said))["error"] == "restricted_action"
        clock.advance(61)
        assert (await client.call("chat.postMessage", text="https://z.example", **said))["ok"]


async def test_a_retry_counts_once_and_a_socket_like_a_call(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as one:
        acme, clock = await one.found("acme"), ManualClock()
        workload = chat(clock, Claims(None, clock), rate_limits=1_000)
        client, said = ChatClient(workload.app, acme.tenant, acme.owner.token), {"channel": acme.general, "text": "same"}
        for _ in range(30):
            assert (await client.call("chat.postMessage", client_msg_id="once", **said))["ok"]
        for number in range(9):
            assert (await client.call("chat.postMessage", client_msg_id=str(number), **said))["ok"]
        assert workload.sessions is not None
        session = Admitted(acme.owner.user_id, facts={"may_post": "1"})
        frame = f'{{"type":"message","id":1,"channel":"{acme.general}","text":"same"}}'
        [answer] = await workload.sessions.on_message(acme.tenant, session, frame)
        assert isinstance(answer, str) and '"msg":"ratelimited"' in answer


async def test_a_plan_that_minds_nothing(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as one:
        acme = await one.found("acme")
        await acme.command("plan.set", plan="unlimited")
        shown: dict[str, Any] = dict(await acme.command("plan.show"))
        assert shown == {
            "name": "unlimited",
            "messages_a_day": None,
            "members": None,
            "storage_bytes": None,
            "message_days": None,
            "abuse_checked": False,
        }
        client = guarded(acme, ManualClock(time.time_ns() // 1_000))
        replies = [await client.call("chat.postMessage", channel=acme.general, text="same https://x.example") for _ in range(60)]
        assert all(reply["ok"] for reply in replies)
