"""What is said once: to those in the group now, never from the log; and groups that a session chose stay with it when it resumes."""

import asyncio
from dataclasses import replace

import pytest

from cells.runtime.bus import Bus, Ephemeral, Ephemerals
from cells.runtime.gateway import Limits
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.recorder import Client, RecordingLink
from tests.harness.rooms import Enter
from tests.slice.test_gateway import a_process, a_scope

pytestmark = pytest.mark.anyio


async def test_only_members_hear_only_members_may_speak_and_nothing_is_kept(cell_database: FreshDatabase) -> None:
    scope = await a_scope(cell_database)
    async with a_process(cell_database) as process:
        for user in ("U1", "U2"):
            await process.log.commit(scope, Enter(user, "C1"))
        link, clients = RecordingLink(process.gateway), [Client(user) for user in ("U1", "U2", "U3")]
        streams = [await link.open(client, scope) for client in clients]
        head = await process.log.head(scope)
        link.say(streams[2], "whisper C1")
        link.say(streams[0], "whisper C1")
        await eventually(lambda: "psst U1" in clients[1].received)
        assert [client.received[1:] for client in clients] == [[], ["psst U1"], []]
        assert await process.log.head(scope) == head


async def test_chosen_groups_survive_a_resume_and_the_last_choice_counts(cell_database: FreshDatabase) -> None:
    scope = await a_scope(cell_database)
    async with a_process(cell_database) as first, a_process(cell_database) as second:
        client, link = Client("U1"), RecordingLink(first.gateway)
        stream = await link.open(client, scope)
        link.say(stream, "follow G1 G2")
        link.say(stream, "follow G2 G3")
        await eventually(lambda: "following G2 G3" in client.received)
        link.lose()
        elsewhere = RecordingLink(second.gateway)
        await elsewhere.open(client, scope)
        tenant = second.gateway._tenants.require(scope.workspace_id, scope.epoch)
        for group in ("G1", "G2", "G3"):
            tenant.tell((group,), group)
        assert client.received[-2:] == ["G2", "G3"] and "G1" not in client.received


async def test_a_slow_link_keeps_its_room_for_events_and_gets_the_last_of_each_key(cell_database: FreshDatabase) -> None:
    scope = await a_scope(cell_database)
    async with a_process(cell_database, replace(Limits(), ephemerals_waiting_max=2)) as process:
        client, link = Client("U1"), RecordingLink(process.gateway)
        await link.open(client, scope)
        link.held, link.room = True, 20
        tenant = process.gateway._tenants.require(scope.workspace_id, scope.epoch)
        for n in range(50):
            tenant.tell(("U1",), f"a {n}", key="a")
        assert len(link.waiting) <= link.room // 2 + 1, "half of the queue is left to events"
        await asyncio.sleep(0)
        link.held = False
        link.arrive()
        await eventually(lambda: client.received[-1] == "a 49")
        assert len(client.received) < 20


async def test_each_session_hears_the_pieces_of_its_own_groups_in_one_frame(cell_database: FreshDatabase) -> None:
    scope = await a_scope(cell_database)
    async with a_process(cell_database) as process:
        link, clients = RecordingLink(process.gateway), [Client(user) for user in ("U1", "U2", "U3")]
        streams = [await link.open(client, scope) for client in clients]
        link.say(streams[0], "follow G1 G2")
        link.say(streams[1], "follow G2")
        await eventually(lambda: "following G2" in clients[1].received)
        tenant = process.gateway._tenants.require(scope.workspace_id, scope.epoch)
        tenant.tell_each({"G1": "1", "G2": "2", "G3": "3"}, '{"all":[]}', key="all")
        assert [client.received[-1] for client in clients] == ['{"all":[1,2]}', '{"all":[2]}', clients[2].received[-1]]
        assert "all" not in clients[2].received[-1]


class Heard:
    """An `Attendance` that keeps what it is told of what is said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, str]] = []

    def on_heard(self, workspace_id: str, key: str, text: str) -> None:
        self.said.append((workspace_id, key, text))


async def test_the_workload_is_told_what_its_sessions_hear_of_the_state_of_things(
    cell_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope, attendance = await a_scope(cell_database), Heard()
    async with a_process(cell_database) as process:
        monkeypatch.setattr(process.gateway, "_attendance", attendance)
        tenant = process.gateway._tenants.require(scope.workspace_id, scope.epoch)
        tenant.tell(("G1",), "now", key="state")
        tenant.tell(("G1",), "by the way")
        tenant.tell_each({"G1": "1"}, "[]", key="all", here=True)
    assert attendance.said == [(scope.workspace_id, "state", "now"), (scope.workspace_id, "all", "[]")]


async def test_with_redis_away_the_state_of_something_is_told_to_nobody_rather_than_to_some(redis_url: str) -> None:
    """Typing and presence have keys. A message to one user alone has none: it goes to those who are here."""
    bus, heard = Bus(redis_url), list[str]()
    ephemerals = Ephemerals(bus)
    ephemerals.listen(lambda said: heard.append(said.text))
    async with bus.running():
        await bus.until_connected()
        ephemerals.tell(Ephemeral("T1", ("C1",), "typing", key="typing:C1:U1"))
    ephemerals.tell(Ephemeral("T1", ("C1",), "typing again", key="typing:C1:U1"))
    ephemerals.tell(Ephemeral("T1", ("U1",), "only you see this"))
    assert heard == ["typing", "only you see this"]
