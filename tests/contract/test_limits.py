"""How often a method may be called: bursts, the long run, places, and several processes with and without Redis."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cells.chat.slack.bearers import Bearers
from cells.chat.slack.dispatch import Dispatch
from cells.chat.slack.limits import BUCKETS_MAX, Key, Limits, RateLimited
from cells.chat.slack.methods import all_methods
from cells.chat.slack.tiers import ALLOWANCES, EACH_PLACE, Allowance, Tier
from cells.runtime.bus import Bus, Shared
from chassis.clock import SystemClock
from control_plane.provision.processes import free_port
from control_plane.provision.valkey import Valkey
from tests.harness.chat import ChatClient, Workspace, a_chat
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase

KEY: Key = ("users.list", "T1", "A1", "")
SIXTY = Allowance(60, 10)


def let_through(limits: Limits, allowance: Allowance, key: Key = KEY, at_most: int = 5_000) -> int:
    for count in range(at_most):
        try:
            limits.take(key, allowance)
        except RateLimited:
            return count
    return at_most


@pytest.mark.parametrize("tier", Tier)
def test_a_burst_at_once_and_slacks_promise_in_the_long_run(tier: Tier) -> None:
    clock = ManualClock()
    limits, allowance = Limits(clock, 1), ALLOWANCES[tier]
    assert let_through(limits, allowance) == allowance.burst
    clock.advance(60.001)
    assert let_through(limits, allowance) == allowance.per_minute >= tier


def test_what_is_refused_says_when_and_does_not_count() -> None:
    clock = ManualClock()
    limits = Limits(clock, 1)
    let_through(limits, Allowance(5, 20))
    with pytest.raises(RateLimited) as refused:
        limits.take(KEY, Allowance(5, 20))
    assert refused.value.retry_after_s == 12
    clock.advance(12)
    limits.take(KEY, Allowance(5, 20))


def test_twice_the_allowance_where_it_is_set_so() -> None:
    assert let_through(Limits(ManualClock(), 2), SIXTY) == 20


def test_methods_workspaces_callers_and_places_count_apart_and_in_bounds() -> None:
    limits = Limits(ManualClock(), 1)
    let_through(limits, SIXTY)
    for other in (("users.info", *KEY[1:]), (KEY[0], "T2", *KEY[2:]), (*KEY[:2], "A2", ""), (*KEY[:3], "C1")):
        limits.take(other, SIXTY)
    for number in range(BUCKETS_MAX + 10):
        limits.take((*KEY[:3], f"C{number}"), EACH_PLACE)
    assert len(limits._full_at_s) == BUCKETS_MAX


@pytest.mark.anyio
async def test_processes_share_what_was_called_and_do_without_redis(tmp_path: Path) -> None:
    """A third process that has heard of nothing learns at its first look; with Redis gone each counts for itself."""
    valkey, clock = Valkey(tmp_path / "valkey", free_port()), ManualClock()
    await valkey.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(valkey.stop)
        buses = [Bus(valkey.url) for _ in range(3)]
        for bus in buses:
            await stack.enter_async_context(bus.running())
            await bus.until_connected()
        one, two, three = (Limits(clock, 1, Shared(bus, SystemClock())) for bus in buses)
        for limits, calls in ((one, 6), (two, 3), (three, 1)):
            for _ in range(calls):
                limits.take(KEY, SIXTY)
            await limits.share()
        assert let_through(three, SIXTY) == 0
        assert let_through(two, SIXTY, at_most=100) == 1
        await valkey.stop()
        for limits in (one, two):
            await limits.share()
        clock.advance(10)
        assert let_through(one, SIXTY) == 10


def slowed(acme: Workspace, clock: ManualClock, client: ChatClient) -> ChatClient:
    """The client, in a process that limits."""
    return ChatClient(Dispatch(all_methods(), Bearers(clock), clock, Limits(clock, 1)), acme.tenant, client.token)


@pytest.mark.anyio
async def test_a_client_that_calls_too_often_is_told_to_wait(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme, clock = await chat.found("acme"), ManualClock()
        owner, bot = slowed(acme, clock, acme.owner), slowed(acme, clock, acme.bot)
        for _ in range(ALLOWANCES[Tier.TWO].burst):
            assert (await owner.call("users.list"))["ok"]
        refused = await owner.form("users.list", {})
        assert (refused.status, refused.json) == (429, {"ok": False, "error": "ratelimited"})
        assert refused.headers["retry-after"] == "3" and refused.headers["x-accepted-oauth-scopes"] == "users:read"
        assert (await owner.call("users.info", user=acme.owner.user_id))["ok"]
        for _ in range(EACH_PLACE.burst):
            assert (await owner.call("chat.postMessage", channel="C0000000000", text="x"))["error"] == "channel_not_found"
        assert (await owner.form("chat.postMessage", {"channel": "C0000000000"})).headers["retry-after"] == "1"
        assert (await owner.call("chat.postMessage", channel=acme.general, text="x"))["ok"]
        assert (await bot.call("chat.postMessage", channel="C0000000000", text="x"))["error"] == "channel_not_found"
        clock.advance(3)
        assert (await owner.call("users.list"))["ok"]
