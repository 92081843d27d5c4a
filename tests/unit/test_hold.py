import asyncio

import pytest

from chassis.identity import CellName, WorkspaceId
from protos.tunnel.v1 import tunnel_pb2
from router.forward.errors import ForwardError, HoldTimeout, Overloaded, Refused
from router.forward.hold import Decision, HoldingRoom, decide, learn
from router.forward.limits import Limits
from router.routes.table import Route, RouteTable

pytestmark = pytest.mark.anyio
Refusal = tunnel_pb2.Refusal
W = WorkspaceId("T123456789A")
TRIED = Route(W, "acme", CellName("a"), 3, "active")
NEWER = Route(W, "acme", CellName("b"), 4, "active")


@pytest.mark.parametrize("reason", [Refusal.FROZEN, Refusal.INCOMING, Refusal.MOVED, Refusal.STALE_EPOCH, Refusal.DRAINING])
def test_what_passes_is_held(reason: tunnel_pb2.Refusal.Reason.ValueType) -> None:
    assert decide(Refusal(reason=reason), TRIED, TRIED, alternative=False) is Decision.HOLD


@pytest.mark.parametrize("reason", Refusal.Reason.values())
def test_a_newer_route_is_always_tried_at_once(reason: tunnel_pb2.Refusal.Reason.ValueType) -> None:
    assert decide(Refusal(reason=reason), TRIED, NEWER, alternative=False) is Decision.AGAIN


def test_a_cell_that_does_not_know_the_workspace_has_the_last_word_after_a_moment() -> None:
    refusal = Refusal(reason=Refusal.NOT_MINE)
    assert decide(refusal, TRIED, TRIED, alternative=False, patient=True) is Decision.HOLD
    assert decide(refusal, TRIED, NEWER, alternative=False, patient=True) is Decision.AGAIN


def test_a_drained_process_leaves_its_sibling() -> None:
    assert decide(Refusal(reason=Refusal.DRAINING), TRIED, TRIED, alternative=True) is Decision.AGAIN
    assert decide(Refusal(reason=Refusal.FROZEN), TRIED, TRIED, alternative=True) is Decision.HOLD


@pytest.mark.parametrize(
    ("refusal", "error", "status"),
    [
        (Refusal(reason=Refusal.OVERLOADED, retry_after_ms=7), Overloaded, None),
        (Refusal(reason=Refusal.SUSPENDED), Refused, 403),
        (Refusal(reason=Refusal.NOT_MINE), Refused, 404),
        (Refusal(reason=Refusal.UNAUTHORIZED, status=401), Refused, 401),
        (Refusal(), Refused, 404),
    ],
)
def test_what_does_not_pass_is_told(refusal: tunnel_pb2.Refusal, error: type[ForwardError], status: int | None) -> None:
    found = decide(refusal, TRIED, TRIED, alternative=True)
    assert isinstance(found, error)
    assert getattr(found, "status", None) == status


def test_only_higher_epochs_are_learnt() -> None:
    table = RouteTable()
    table.replace("r", 1, [TRIED], [])
    learn(table, TRIED, Refusal(reason=Refusal.MOVED, cell="z", epoch=2))
    learn(table, TRIED, Refusal(reason=Refusal.STALE_EPOCH, epoch=2))
    learn(table, TRIED, Refusal(reason=Refusal.FROZEN, cell="z", epoch=9))
    assert table.get(W) == TRIED
    learn(table, TRIED, Refusal(reason=Refusal.STALE_EPOCH, epoch=4))
    assert table.get(W) == Route(W, "acme", CellName("a"), 4, "active")
    learn(table, TRIED, Refusal(reason=Refusal.MOVED, cell="b", epoch=5))
    assert table.get(W) == Route(W, "acme", CellName("b"), 5, "active")


async def test_patience_ends() -> None:
    room = HoldingRoom(Limits(hold_s_max=0.02))
    with room.holding(TRIED, 10, Refusal.FROZEN) as held, pytest.raises(HoldTimeout, match="frozen"):
        while True:
            await held.wait(5)
    assert len(room) == 0 and room._rooms == {} and room._bytes == 0


async def test_a_full_room_refuses_by_number_and_by_bytes() -> None:
    """I8."""
    room = HoldingRoom(Limits(hold_requests_max=1))
    with room.holding(TRIED, 10, Refusal.FROZEN), pytest.raises(Overloaded), room.holding(TRIED, 10, Refusal.FROZEN):
        pass
    room = HoldingRoom(Limits(hold_bytes_max=100))
    with room.holding(TRIED, 60, Refusal.FROZEN), pytest.raises(Overloaded), room.holding(TRIED, 60, Refusal.FROZEN):
        pass
    with room.holding(TRIED, 100, Refusal.FROZEN):
        assert len(room) == 1


async def test_one_asks_for_all_and_getting_through_frees_them() -> None:
    room, asked, open_now = HoldingRoom(Limits()), [0] * 20, asyncio.Event()

    async def hold(number: int) -> None:
        with room.holding(TRIED, 1, Refusal.FROZEN) as held:
            while not open_now.is_set():
                await held.wait(5)
                asked[number] += 1

    tasks = [asyncio.create_task(hold(number)) for number in range(20)]
    while asked[0] < 5:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert sum(asked[1:]) <= 20  # followers ask ten times more rarely
    open_now.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 1)


async def test_a_leader_that_gives_up_hands_over() -> None:
    room, led = HoldingRoom(Limits()), asyncio.Event()

    async def hold(poll_ms: int, *, say: bool) -> None:
        with room.holding(TRIED, 1, Refusal.FROZEN) as held:
            await held.wait(poll_ms)
            if say:
                led.set()

    leader = asyncio.create_task(hold(60_000, say=False))
    await asyncio.sleep(0)
    follower = asyncio.create_task(hold(60_000, say=True))
    await asyncio.sleep(0)
    leader.cancel()
    await asyncio.wait_for(led.wait(), 1)
    await asyncio.gather(leader, follower, return_exceptions=True)


async def test_a_route_change_wakes_its_own_workspace() -> None:
    room, woken = HoldingRoom(Limits()), []

    async def hold(route: Route) -> None:
        with room.holding(route, 1, Refusal.FROZEN) as held:
            await held.wait(60_000)
            woken.append(route.workspace_id)

    other = Route(WorkspaceId("T2"), "x", CellName("a"), 1, "active")
    tasks = [asyncio.create_task(hold(route)) for route in (TRIED, TRIED, other)]
    await asyncio.sleep(0)
    room.wake(W)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert woken == [W, W]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_lets_the_held_go_first_waits_for_all_of_them_and_not_for_ever() -> None:
    room, let_go = HoldingRoom(Limits()), asyncio.Event()

    async def hold() -> None:
        with room.holding(TRIED, 1, Refusal.FROZEN):
            await let_go.wait()

    tasks = [asyncio.create_task(hold()) for _ in range(2)]
    await asyncio.sleep(0)
    await room.emptied("T2", 60)
    await room.emptied(W, 0.01)
    behind = asyncio.create_task(room.emptied(W, 60))
    await asyncio.sleep(0)
    assert not behind.done() and len(room) == 2
    let_go.set()
    async with asyncio.timeout(10):
        await behind
    assert len(room) == 0
    await asyncio.gather(*tasks)
