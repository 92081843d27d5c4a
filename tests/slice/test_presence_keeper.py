"""Presence among the processes of a cell, over a real Redis that is restarted and paused; time moves by hand."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cells.chat.domain.messages.posting import PostMessage
from cells.chat.domain.presence import keeper as keeper_module
from cells.chat.domain.presence import sharing as sharing_module
from cells.chat.domain.presence.events import batch_group_of, group_of
from cells.chat.domain.presence.keeper import Presences
from cells.chat.domain.presence.presence import AUTO_AWAY_S, FRESH_S
from cells.chat.domain.presence.sharing import Command
from cells.chat.slack.calling import with_called
from cells.runtime.bus import Bus, Ephemeral, Ephemerals, Shared
from cells.runtime.log import LoggedTenant
from cells.runtime.workload import Admitted
from chassis.clock import SystemClock
from chassis.identity import ChannelId, UserId
from control_plane.provision.processes import free_port
from control_plane.provision.valkey import Valkey
from tests.harness.chat import Workspace, a_chat
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.faults import paused

pytestmark = pytest.mark.anyio


@dataclass
class Process:
    """One gateway process: its presence, and what its sockets would be told."""

    presences: Presences
    tenant: LoggedTenant
    shared: Shared
    bus: Bus
    told: list[tuple[str, str]] = field(default_factory=list)
    batches: list[tuple[str, list[str]]] = field(default_factory=list)

    def words_of(self, user_id: str) -> list[str]:
        """All that was heard of a user, in order."""
        return [word for told, word in self.told if told == user_id]

    def hear(self, said: Ephemeral) -> None:
        self.presences.on_heard(self.tenant.scope.workspace_id, said.key, said.text)
        event = json.loads(said.text)
        if said.pieces:
            users = [json.loads(piece) for _, piece in said.pieces]
            self.batches.append((event["presence"], sorted(users)))
            assert said.groups == tuple(map(batch_group_of, users))
        elif event["type"] == "presence_change":
            assert said.groups == (group_of(event["user"]),)
            self.told.append((event["user"], event["presence"]))

    def arrive(self, user_id: str, *follows: str, resumed: bool = False) -> Admitted:
        session = Admitted(user_id, following=frozenset(map(group_of, follows)))
        self.presences.on_arrival(self.tenant, session, resumed=resumed)
        return session

    def leave(self, session: Admitted, *, gone: bool = True) -> None:
        self.presences.on_departure(self.tenant, session, gone=gone)

    async def answered(self, user_id: str) -> str:
        """What a socket here that asks is told."""
        return (await self.presences.shown(self.tenant, [user_id]) or {})[user_id]

    async def word(self, user_id: str) -> str:
        return (await self.presences.of(self.tenant, [user_id]))[user_id].shown


@asynccontextmanager
async def a_process(acme: Workspace, url: str, clock: ManualClock) -> AsyncIterator[Process]:
    bus = Bus(url)
    async with bus.running():
        shared, ephemerals = Shared(bus, SystemClock()), Ephemerals(bus)
        process = Process(Presences(clock, shared), replace(acme.tenant, ephemerals=ephemerals), shared, bus)
        ephemerals.listen(process.hear)
        await bus.until_connected()
        yield process


@dataclass
class Cell:
    acme: Workspace
    clock: ManualClock
    valkey: Valkey
    one: Process
    two: Process

    async def settle(self) -> None:
        """Both have looked at what was marked, and a beat has passed."""
        for process in (self.one, self.two):
            await process.presences.tell()
            await process.presences.beat()


@pytest.fixture
async def cell(cell_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Cell]:
    clock, valkey = ManualClock(), Valkey(tmp_path / "valkey", free_port())
    await valkey.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(valkey.stop)
        chat = await stack.enter_async_context(a_chat(cell_database, clock))
        acme = await chat.found("acme")
        one, two = [await stack.enter_async_context(a_process(acme, valkey.url, clock)) for _ in range(2)]
        yield Cell(acme, clock, valkey, one, two)


async def test_followers_hear_across_processes_once_of_each_change(cell: Cell) -> None:
    ann = cell.acme.bot.user_id
    cell.two.arrive("UFOLLOWER", ann)
    session = cell.one.arrive(ann)
    await cell.settle()
    await eventually(lambda: cell.two.told.count((ann, "active")) == 1)
    second = cell.two.arrive(ann)
    await cell.settle()
    cell.one.leave(session)
    await cell.settle()
    assert await cell.one.word(ann) == "active", "another socket is open"
    cell.two.leave(second)
    await cell.settle()
    for process in (cell.one, cell.two):
        await eventually(lambda process=process: process.words_of(ann) == ["active", "away"])  # type: ignore[misc]


async def test_away_after_ten_minutes_and_back_at_the_first_word(cell: Cell) -> None:
    ann = cell.acme.owner.user_id
    cell.one.arrive(ann)
    cell.two.arrive("UFOLLOWER", ann)
    await cell.settle()
    cell.clock.advance(AUTO_AWAY_S - 1)
    await cell.settle()
    assert await cell.two.word(ann) == "active"
    cell.clock.advance(1)
    await cell.settle()
    await eventually(lambda: cell.two.words_of(ann) == ["active", "away"])
    cell.one.presences.on_activity(cell.one.tenant, ann)
    await cell.settle()
    await eventually(lambda: cell.two.words_of(ann) == ["active", "away", "active"])


async def test_a_call_over_http_is_activity_also_in_a_process_without_the_socket(cell: Cell) -> None:
    ann = cell.acme.owner.user_id
    cell.one.arrive(ann)
    cell.two.arrive("UFOLLOWER", ann)
    await cell.settle()
    cell.clock.advance(AUTO_AWAY_S)
    await cell.settle()
    cell.two.presences.on_call(cell.two.tenant, ann)
    await cell.settle()
    await eventually(lambda: cell.two.words_of(ann) == ["active", "away", "active"])
    cell.clock.advance(AUTO_AWAY_S - 1)
    await cell.settle()
    assert await cell.one.word(ann) == "active"
    for _ in range(1_000):
        cell.two.presences.on_call(cell.two.tenant, ann)
    assert len(next(iter(cell.two.presences._rooms.values())).dirty) <= 1


async def test_a_process_that_died_is_found_out_by_followers(cell: Cell) -> None:
    ann = cell.acme.owner.user_id
    cell.one.arrive(ann)
    cell.two.arrive("UFOLLOWER", ann)
    await cell.settle()
    cell.clock.advance(FRESH_S + 1)
    await cell.two.presences.beat()
    await eventually(lambda: cell.two.words_of(ann) == ["active", "away"])


async def test_a_session_that_moves_is_never_away(cell: Cell) -> None:
    ann = cell.acme.owner.user_id
    cell.two.arrive("UFOLLOWER", ann)
    session = cell.one.arrive(ann)
    await cell.settle()
    cell.one.leave(session, gone=False)
    await cell.settle()
    cell.two.arrive(ann, resumed=True)
    await cell.settle()
    cell.one.presences.on_setting(cell.one.tenant, ann)
    await cell.settle()
    await cell.acme.owner.call("users.setPresence", presence="away")
    cell.one.presences.on_setting(cell.one.tenant, ann)
    await cell.settle()
    await eventually(lambda: cell.two.words_of(ann) == ["active", "away"])  # the last of them by hand


async def test_a_look_that_is_overtaken_tells_nothing_and_looks_again(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """One reads that ann is here, is held up, and goes on when another has told that she went."""
    ann = cell.acme.owner.user_id
    cell.two.arrive("UFOLLOWER", ann)
    session = cell.one.arrive(ann)
    await cell.settle()
    await eventually(lambda: cell.two.words_of(ann) == ["active"])
    reached, go_on, tell = asyncio.Event(), asyncio.Event(), cell.two.presences._tell_changes

    async def held(*arguments: Any) -> bool:
        reached.set()
        await go_on.wait()
        return await tell(*arguments)

    monkeypatch.setattr(cell.two.presences, "_tell_changes", held)
    looking = asyncio.create_task(cell.two.presences.beat())
    await reached.wait()
    cell.one.leave(session)
    await cell.one.presences.tell()
    go_on.set()
    await looking
    await cell.settle()
    await eventually(lambda: cell.two.words_of(ann) == ["active", "away"])
    assert cell.one.words_of(ann) == ["active", "away"]


async def test_news_of_several_users_goes_in_one_frame_to_those_who_take_it(cell: Cell) -> None:
    people = [cell.acme.owner.user_id, cell.acme.bot.user_id, "UELSEWHERE"]
    for user_id in people:
        cell.one.arrive(user_id)
    await cell.settle()
    assert cell.one.batches == [("active", sorted(people))]


async def test_a_restarted_redis_is_filled_from_the_sessions_and_nobody_is_told_of_it(cell: Cell) -> None:
    ann = cell.acme.owner.user_id
    cell.one.arrive(ann)
    cell.two.arrive("UFOLLOWER", ann)
    await cell.settle()
    await eventually(lambda: (ann, "active") in cell.two.told)
    cell.one.told.clear()
    cell.two.told.clear()
    await cell.valkey.stop()
    await cell.settle()
    assert await cell.one.word(ann) == "active", "as far as this process knows"
    assert await cell.two.presences.shown(cell.two.tenant, [ann]) is None, "says nothing"
    await cell.valkey.start()
    for process in (cell.one, cell.two):
        await process.bus.until_connected()
        await eventually(lambda process=process: answers(process))  # type: ignore[misc]
    await cell.two.presences.beat()

    async def rebuilt() -> bool:
        await cell.settle()
        return await cell.two.word(ann) == "active"

    await eventually(rebuilt)
    assert cell.one.told == cell.two.told == []


async def answers(process: Process) -> bool:
    return await process.shared.ask([("PING",)]) is not None


async def test_a_change_while_redis_hangs_is_told_when_it_goes_on(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.05)
    ann = cell.acme.owner.user_id
    cell.one.arrive(ann)
    cell.one.arrive("UFOLLOWER", ann)
    async with cell.one.presences.running():
        words = ["active"]
        await eventually(lambda: cell.one.words_of(ann) == words)
        for word, shown in (("away", "away"), ("auto", "active")) * 2:
            pid = cell.valkey.pid
            assert pid is not None
            before = len(cell.one.told)
            with paused(pid):
                await cell.acme.owner.call("users.setPresence", presence=word)
                cell.one.presences.on_setting(cell.one.tenant, ann)
                await eventually(lambda: cell.one.presences._away)
                assert len(cell.one.told) == before
            await eventually(lambda before=before: len(cell.one.told) > before)  # type: ignore[misc]
            words.append(shown)
            await cell.one.presences.beat()
            assert cell.one.words_of(ann) == words


class Late:
    """Asks Redis, which does it; what comes after its answer to a swap is up to the test."""

    def __init__(self, shared: Shared, then: Callable[[], Awaitable[None]]) -> None:
        self._shared, self._then = shared, then

    async def ask(self, commands: Sequence[Command]) -> list[Any] | None:
        answers = await self._shared.ask(commands)
        if commands[0][0] == "EVAL":
            await self._then()
        return answers


@pytest.mark.parametrize("lost", ["the bus", "the time"])
async def test_a_word_swapped_and_not_said_is_said_at_the_next_look(cell: Cell, monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    """Between Redis' answer and the telling its connection went, or the look's time was up."""
    ann, one = cell.acme.owner.user_id, cell.one
    monkeypatch.setattr(keeper_module, "LOOK_S_MAX", 0.5)
    session = one.arrive(ann)
    one.arrive("UFOLLOWER", ann)
    await cell.settle()
    assert one.words_of(ann) == ["active"]

    async def interrupt() -> None:
        if lost == "the time":
            await asyncio.Event().wait()
        one.bus._connected.clear()

    monkeypatch.setattr(one.presences, "_shared", Late(one.shared, interrupt))
    one.leave(session)
    await one.presences.tell()
    assert one.words_of(ann) == ["active"]
    one.bus._connected.set()
    monkeypatch.setattr(one.presences, "_shared", one.shared)
    await one.presences.tell()
    await one.presences.tell()
    assert one.words_of(ann) == ["active", "away"], "and only once"


async def test_what_a_socket_was_answered_and_is_no_more_is_put_right(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ann came, a follower asked and was told so, Redis hung before her coming was told to all, and she set herself away."""
    monkeypatch.setattr(sharing_module, "ON_ITS_WAY_S", 0)
    ann, one = cell.acme.owner.user_id, cell.one
    one.arrive("UFOLLOWER", ann)
    await one.presences.tell()
    one.arrive(ann)
    assert await one.answered(ann) == "active"
    pid = cell.valkey.pid
    assert pid is not None
    with paused(pid):
        await one.presences.tell()
        await cell.acme.owner.call("users.setPresence", presence="away")
        one.presences.on_setting(one.tenant, ann)
        await one.presences.tell()
        assert one.words_of(ann) == [] and one.presences._away
    await eventually(lambda: answers(one))
    await cell.settle()
    await cell.settle()
    assert one.words_of(ann) == ["away"], "and only once"


@pytest.mark.parametrize("lost", [True, False])
async def test_a_process_that_has_not_heard_of_a_change_says_it_to_its_own_sessions(
    cell: Cell, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """It looks before it hears: of news that is on its way it says nothing, of news that got lost it does, once."""
    ann, two = cell.acme.owner.user_id, cell.two
    monkeypatch.setattr(sharing_module, "ON_ITS_WAY_S", 0 if lost else 60)
    on_its_way = list[bytes]()
    two.arrive("UFOLLOWER", ann)
    session = cell.one.arrive(ann)
    await cell.settle()
    await eventually(lambda: two.words_of(ann) == ["active"])
    hears = two.bus._handlers["ephemeral"]
    monkeypatch.setitem(two.bus._handlers, "ephemeral", on_its_way.append)
    cell.one.leave(session)
    await cell.one.presences.tell()
    await eventually(lambda: len(on_its_way) == 2)  # for sockets that take one at a time, and for those that take many
    await two.presences.beat()
    assert two.words_of(ann) == (["active", "away"] if lost else ["active"])
    if not lost:
        monkeypatch.setitem(two.bus._handlers, "ephemeral", hears)
        for body in on_its_way:
            hears(body)
    await cell.settle()
    for process in (cell.one, two):
        assert process.words_of(ann) == ["active", "away"], "nobody hears it twice"
        assert [word for word, users in process.batches if ann in users] == ["active", "away"]


async def test_everyone_here_are_those_who_are_active_as_it_is_said(cell: Cell) -> None:
    """Active in any process; not who is away by hand or by time, not who is gone, not who is no member, nobody who comes later."""
    acme = cell.acme
    people = {name: await acme.add(name) for name in ("ann", "away", "idle", "gone", "stranger", "later")}
    for name in ("ann", "away", "idle", "gone", "later"):
        await acme.owner.call("conversations.invite", channel=acme.general, users=people[name].user_id)
    cell.one.arrive(people["idle"].user_id)
    await cell.settle()
    cell.clock.advance(AUTO_AWAY_S)
    sessions = {name: cell.one.arrive(people[name].user_id) for name in ("away", "gone", "stranger")}
    cell.two.arrive(people["ann"].user_id)
    await people["away"].call("users.setPresence", presence="away")
    cell.one.leave(sessions["gone"])
    await cell.settle()
    active = {name for name, person in people.items() if person.user_id in (await cell.one.presences.active_in(acme.tenant) or ())}
    assert active == {"ann", "stranger"}
    post = PostMessage(ChannelId(acme.general), UserId(acme.owner.user_id), "<!here> now")
    posted = await acme.tenant.commit(await with_called(cell.one.presences, acme.tenant, post))
    cell.one.arrive(people["later"].user_id)
    await cell.settle()

    async def called() -> set[str]:
        counts = {name: (await person.call("client.counts"))["channels"] for name, person in people.items() if name != "stranger"}
        return {name for name, lines in counts.items() for line in lines if line["id"] == acme.general and line["mention_count"]}

    assert await called() == {"ann"}
    edit = {"channel": acme.general, "ts": posted.face["ts"], "text": f"<!here> and <@{people['gone'].user_id}>"}
    assert (await acme.owner.call("chat.update", **edit))["ok"]
    assert await called() == {"ann", "gone"}, "an edit calls those whom it adds"
    await cell.valkey.stop()
    assert await cell.one.presences.active_in(acme.tenant) is None
    await acme.tenant.commit(await with_called(cell.one.presences, acme.tenant, post))
    assert await called() == set(people) - {"stranger"}, "rather too many than none"
