"""Whose turn it is to search: few at once, in the order in which they came, and none waits without end."""

import asyncio

import pytest

from cells.chat.domain.abuse.errors import SlowDown
from cells.chat.domain.searching import turns
from cells.chat.domain.searching.turns import WAITING_MAX, WAITING_OF_ONE_MAX, Turns
from chassis.identity import WorkspaceId

pytestmark = pytest.mark.anyio
ACME, GLOBEX, INITECH = (WorkspaceId(name) for name in ("TACME", "TGLOBEX", "TINITECH"))


class Crowd:
    """Searches that last until they are told to end."""

    def __init__(self, at_once: int) -> None:
        self.turns, self.began, self._searches = Turns(at_once), list[str](), dict[str, tuple[asyncio.Event, asyncio.Task[None]]]()

    async def come(self, name: str, workspace: WorkspaceId = ACME) -> None:
        done = asyncio.Event()
        self._searches[name] = done, asyncio.create_task(self._search(name, workspace, done))
        await asyncio.sleep(0)

    async def _search(self, name: str, workspace: WorkspaceId, done: asyncio.Event) -> None:
        async with self.turns.turn(workspace):
            self.began.append(name)
            await done.wait()

    async def end(self, name: str) -> None:
        done, task = self._searches.pop(name)
        done.set()
        await task
        await asyncio.sleep(0)

    async def give_up(self, name: str) -> None:
        _, task = self._searches.pop(name)
        task.cancel()
        await asyncio.wait({task})


async def test_a_turn_goes_to_who_came_first_and_not_to_who_has_left() -> None:
    crowd = Crowd(2)
    for name in "abcde":
        await crowd.come(name)
    assert crowd.began == ["a", "b"]
    await crowd.give_up("c")
    await crowd.end("b")
    assert crowd.began == ["a", "b", "d"]
    await crowd.end("a")
    await crowd.give_up("e")
    await crowd.come("f")
    assert crowd.began == ["a", "b", "d", "e", "f"]


async def test_a_workspace_that_fills_its_share_leaves_room_for_others() -> None:
    crowd = Crowd(1)
    for number in range(WAITING_OF_ONE_MAX + 1):
        await crowd.come(f"acme {number}")
    with pytest.raises(SlowDown):
        async with crowd.turns.turn(ACME):
            pass
    for number in range(WAITING_MAX - WAITING_OF_ONE_MAX):
        await crowd.come(f"globex {number}", GLOBEX)
    with pytest.raises(SlowDown):
        async with crowd.turns.turn(INITECH):
            pass
    await crowd.end("acme 0")
    await crowd.come("initech", INITECH)
    assert crowd.began == ["acme 0", "acme 1"]


async def test_nobody_waits_longer_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_S_MAX", 0.02)
    crowd = Crowd(1)
    await crowd.come("a")
    with pytest.raises(SlowDown):
        async with crowd.turns.turn(ACME):
            pass
    await crowd.end("a")
    async with crowd.turns.turn(ACME):
        pass
