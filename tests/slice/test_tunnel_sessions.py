"""Sessions over the tunnel: opened, told, regrouped, and followed through lost processes and moves."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cells.runtime.bus.links import Link
from chassis.backoff import Backoff
from protos.tunnel.v1 import tunnel_pb2
from router.forward import CellUnavailable, Limits, Refused
from tests.harness.tunnels import WORKSPACE, CellProcess, Door, Sink, forwarding_to, opening, start_cell, table_of, until

pytestmark = pytest.mark.anyio
QUICK = Limits(reopen_jitter_s=0.01, redial=Backoff(first_s=0.01, limit_s=0.02), reopen=Backoff(first_s=0.01, limit_s=0.05))


@pytest.fixture
async def cell() -> AsyncIterator[CellProcess]:
    process = await start_cell()
    yield process
    await process.kill()


async def test_a_session_says_and_hears(cell: CellProcess) -> None:
    table, sink = table_of(cell), Sink()
    async with forwarding_to(table) as forwarder:
        session = await forwarder.open_session(table.routes().__next__(), opening(), sink)
        assert sink.texts == ["hello"]
        assert session.send_text("ping")
        await sink.until(lambda s: len(s.texts) == 2)
        cell.door.announce("event 1")
        await sink.until(lambda s: len(s.texts) == 3)
        assert sink.texts == ["hello", "re: ping", "event 1"]
        session.close(1000, "bye")
        session.close(1000, "bye")
        await until(lambda: cell.door.closes == [1000])
    assert sink.closed is None


async def test_one_broadcast_reaches_every_socket_of_its_groups(cell: CellProcess) -> None:
    table, sinks = table_of(cell), [Sink() for _ in range(50)]
    async with forwarding_to(table) as forwarder:
        for sink in sinks:
            await forwarder.open_session(table.routes().__next__(), opening(), sink)
        for n in range(20):
            cell.door.announce(f"event {n}", "*", "U1")
        for sink in sinks:
            await sink.until(lambda s: len(s.texts) == 21)
            assert sink.texts[1:] == [f"event {n}" for n in range(20)]


async def test_regrouping_takes_effect_between_the_broadcasts_around_it(cell: CellProcess) -> None:
    table, sink = table_of(cell), Sink()
    async with forwarding_to(table) as forwarder:
        await forwarder.open_session(table.routes().__next__(), opening(), sink)
        cell.door.announce("before", "C1")
        cell.door.regroup(["C1"], [])
        cell.door.announce("inside", "C1")
        cell.door.regroup([], ["C1"])
        cell.door.announce("after", "C1")
        cell.door.announce("end", "*")
        await sink.until(lambda s: "end" in s.texts)
        assert sink.texts == ["hello", "inside", "end"]


async def test_a_handshake_turned_away_keeps_its_status(cell: CellProcess) -> None:
    table, sink = table_of(cell), Sink()
    cell.door.refusal = tunnel_pb2.Refusal(reason=tunnel_pb2.Refusal.UNAUTHORIZED, status=401, detail="no ticket")
    async with forwarding_to(table) as forwarder:
        with pytest.raises(Refused) as refused:
            await forwarder.open_session(table.routes().__next__(), opening(), sink)
    assert refused.value.status == 401 and sink.closed is None


async def test_a_slow_socket_is_closed_and_the_cell_told(cell: CellProcess) -> None:
    table, slow, fast = table_of(cell), Sink(room=3), Sink()
    async with forwarding_to(table) as forwarder:
        for sink in (slow, fast):
            await forwarder.open_session(table.routes().__next__(), opening(), sink)
        for n in range(5):
            cell.door.announce(str(n))
        await fast.until(lambda s: len(s.texts) == 6)
        assert slow.closed == (1013, "too slow")
        await until(lambda: cell.door.closes == [1013])


async def test_sessions_survive_the_loss_of_their_process(cell: CellProcess) -> None:
    other = await start_cell("a", door=Door(cell.door.log))
    table, sinks = table_of(cell, other), [Sink() for _ in range(20)]
    async with forwarding_to(table, QUICK) as forwarder:
        door = forwarder._cells.require("a")
        await until(lambda: all(d.tunnel is not None and d.tunnel.usable for d in door.diallers.values()))
        sessions = [await forwarder.open_session(table.routes().__next__(), opening(), sink) for sink in sinks]
        homes = (len(cell.door.sessions), len(other.door.sessions))
        assert homes == (10, 10)
        both(cell, other, "one")
        for sink in sinks:
            await sink.until(lambda s: "one" in s.texts)
        await cell.kill()
        # What a client said to the dying process is lost or done; what it says once the router knows of the loss is kept.
        await until(lambda: (lost := door.diallers[cell.endpoint.address].tunnel) is None or not lost.ready)
        other.door.announce("two")
        assert sessions[0].send_text("said in between")
        await until(lambda: len(other.door.sessions) == 20)
        other.door.announce("three")
        for sink in sinks:
            await sink.until(lambda s: "three" in s.texts)
            assert [text for text in sink.texts if not text.startswith("re:")] == ["hello", "one", "two", "three"]
            assert sink.closed is None
        assert other.door.opens[-1].state == b"state" and other.door.opens[-1].resume_seq == 1
        await until(lambda: "said in between" in other.door.messages + cell.door.messages)
    await other.kill()


def both(cell: CellProcess, other: CellProcess, text: str) -> None:
    """An event that both processes announce; it is in their common log once."""
    cell.door.announce(text)
    cell.door.log.pop()
    other.door.announce(text)


async def test_sessions_leave_a_draining_process_without_missing_anything(cell: CellProcess) -> None:
    table, sink = table_of(cell), Sink()
    async with forwarding_to(table, QUICK) as forwarder:
        session = await forwarder.open_session(table.routes().__next__(), opening(), sink)
        other = await start_cell("a", door=Door(cell.door.log))
        draining = asyncio.create_task(cell.ingress.drain(5))
        cell.door.announce("told by the one that leaves")
        await sink.until(lambda s: len(s.texts) == 2)
        assert session.send_text("said to the next")
        table.apply(2, [], table_of(cell, other).cells())
        await until(lambda: len(other.door.sessions) == 1)
        async with asyncio.timeout(2):
            await draining
        other.door.announce("told by the next")
        await sink.until(lambda s: len(s.texts) == 4)
        assert [text for text in sink.texts if not text.startswith("re:")] == ["hello", "told by the one that leaves", "told by the next"]
        assert (cell.door.messages, other.door.messages, sink.closed) == ([], ["said to the next"], None)
        await other.kill()


async def test_sessions_follow_their_workspace(cell: CellProcess) -> None:
    other = await start_cell("b", door=Door(cell.door.log))
    table, sink = table_of(cell, other), Sink()
    async with forwarding_to(table, QUICK) as forwarder:
        await forwarder.open_session(table.routes().__next__(), opening(), sink)
        cell.door.announce("one")
        cell.door.log.append("two, never told by the old cell")
        cell.door.refusal = tunnel_pb2.Refusal(reason=tunnel_pb2.Refusal.MOVED, cell="b", epoch=2)
        for (_, stream), link in tuple(cell.door.sessions.items()):
            link.send(tunnel_pb2.Frame(stream=stream, refusal=cell.door.refusal))
        await sink.until(lambda s: len(s.texts) == 3)
        assert sink.texts == ["hello", "one", "two, never told by the old cell"] and sink.closed is None
        assert other.door.opens[0].epoch == 2
        assert table.get(WORKSPACE).cell == "b"  # type: ignore[union-attr]
    await other.kill()


async def test_a_storm_of_clients_queues_at_the_router_and_none_is_refused(cell: CellProcess) -> None:
    table, sinks, at_once = table_of(cell), [Sink() for _ in range(300)], 0
    door, opened = cell.door, cell.door.on_open
    inside: set[int] = set()

    async def on_open(link: Link, stream: int, open: tunnel_pb2.Open) -> None:
        nonlocal at_once
        inside.add(stream)
        at_once = max(at_once, len(inside))
        await asyncio.sleep(0.01)
        inside.remove(stream)
        await opened(link, stream, open)

    door.on_open = on_open  # type: ignore[method-assign]
    async with forwarding_to(table, Limits(openings_max=8, in_flight_max=8)) as forwarder:
        await asyncio.gather(*(forwarder.open_session(next(table.routes()), opening(), sink) for sink in sinks))
        assert [sink.texts for sink in sinks] == [["hello"]] * 300
    assert at_once <= 8


async def test_a_session_with_nowhere_to_go_is_closed_in_time(cell: CellProcess) -> None:
    table, sink = table_of(cell), Sink()
    limits = Limits(reopen_jitter_s=0.01, reopen_s_max=0.2, reopen=Backoff(first_s=0.01, limit_s=0.05))
    async with forwarding_to(table, limits) as forwarder:
        session = await forwarder.open_session(table.routes().__next__(), opening(), sink)
        await cell.kill()
        await sink.until(lambda s: s.closed is not None)
        assert sink.closed == (1012, "service restart")
        assert not session.send_text("too late")
        with pytest.raises(CellUnavailable):
            await forwarder.open_session(table.routes().__next__(), opening(), Sink())


async def test_stopping_the_router_closes_its_sockets(cell: CellProcess) -> None:
    table, sink = table_of(cell), Sink()
    async with forwarding_to(table) as forwarder:
        await forwarder.open_session(table.routes().__next__(), opening(), sink)
    assert sink.closed == (1012, "service restart")
    await until(lambda: cell.door.links_lost == 1)
