"""A client that lost its own connection comes back with the seq it had last, and misses nothing and gets nothing twice."""

import json

import pytest

from cells.runtime.gateway import CloseCode, Limits
from protos.tunnel.v1 import tunnel_pb2
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.recorder import Client, RecordingLink
from tests.harness.rooms import Enter, Exit, Speak
from tests.harness.tunnels import Sink, forwarding_to, opening, start_cell, table_of
from tests.slice.test_gateway import a_process, a_scope

pytestmark = pytest.mark.anyio
HELLO = "hello"


def opened(link: RecordingLink) -> list[tunnel_pb2.Opened]:
    return [frame.opened for frame in link.frames if frame.HasField("opened")]


async def test_what_was_missed_comes_after_hello_each_with_its_seq(cell_database: FreshDatabase) -> None:
    scope = await a_scope(cell_database)
    async with a_process(cell_database) as process:
        for change in (Enter("U1", "C1"), Speak(("C1",), "had"), Speak(("C1",), "missed"), Speak(("C2",)), Speak(("*",), "too")):
            await process.log.commit(scope, change)
        link, client = RecordingLink(process.gateway), Client("U1")
        await link.open(client, scope, after=2)
        await process.log.commit(scope, Speak(("C1",), "live"))
        await eventually(lambda: len(client.received) == 4)
        assert client.received[0] == HELLO
        assert [json.loads(text)["words"] for text in client.received[1:]] == ["missed", "too", "live"]
        (frame,) = opened(link)
        assert (list(frame.seqs), frame.seq, frame.numbered) == ([2, 3, 5], 5, True)


async def test_rooms_are_those_of_then(cell_database: FreshDatabase) -> None:
    scope = await a_scope(cell_database)
    async with a_process(cell_database) as process:
        for change in (Enter("U1", "C1"), Speak(("C1",), "inside"), Exit("U1", "C1"), Speak(("C1",), "outside"), Enter("U1", "C2")):
            await process.log.commit(scope, change)
        link, client = RecordingLink(process.gateway), Client("U1")
        await link.open(client, scope, after=1)
        heard = [json.loads(text) for text in client.received[1:]]
        assert [fact.get("words") or fact["room"] for fact in heard] == ["inside", "C1", "C2"]


@pytest.mark.parametrize(("after", "limits", "age_s"), [(0, Limits(replay_events_max=2), 0), (99, Limits(), 0), (0, Limits(), 25 * 3600)])
async def test_too_far_behind_is_told_to_reload(cell_database: FreshDatabase, after: int, limits: Limits, age_s: int) -> None:
    scope, clock = await a_scope(cell_database), ManualClock()
    async with a_process(cell_database, limits) as writing:
        for word in ("one", "two", "three"):
            await writing.log.commit(scope, Speak(("*",), word))
        (first, *_) = await writing.log.read(scope, 0)
        clock.advance((first.ts_us - clock.now_us()) / 1_000_000 + age_s)
        async with a_process(cell_database, limits, clock) as process:
            link, client = RecordingLink(process.gateway), Client("U1")
            await link.open(client, scope, after=after)
            assert (client.closed, client.received) == (CloseCode.RELOAD, [])


async def test_a_close_code_for_the_client_reaches_it_though_the_session_never_opened() -> None:
    cell = await start_cell()
    cell.door.close_code = CloseCode.RELOAD
    table, sink = table_of(cell), Sink()
    async with forwarding_to(table) as forwarder:
        await forwarder.open_session(next(table.routes()), opening(), sink)
        assert sink.closed == (CloseCode.RELOAD, "reload")
    await cell.kill()
