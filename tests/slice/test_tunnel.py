"""Both ends of the tunnel over real gRPC on loopback."""

import asyncio
import resource
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import grpc
import pytest

from cells.runtime.tenancy import Arrivals, Database, Frozen, Incoming, Suspended, Tenancy, TenancyState, TenancyTable
from chassis.identity import CellName
from chassis.stream import BATCH_FRAMES
from protos.tunnel.v1 import tunnel_pb2
from router.forward import CellUnavailable, DeadlineExceeded, HoldTimeout, Limits, Overloaded, Refused, Reply
from router.forward.tunnels import CARRY, CONNECT
from tests.harness.tunnels import WORKSPACE, CellProcess, Sink, forwarding_to, moved, request, start_cell, table_of, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cell() -> AsyncIterator[CellProcess]:
    process = await start_cell()
    yield process
    await process.kill()


async def body_of(reply: Reply) -> bytes:
    assert reply.rest is not None
    return b"".join([chunk async for chunk in reply.rest])


async def test_a_request_goes_through_the_app_and_back(cell: CellProcess) -> None:
    table = table_of(cell)
    route = table.routes().__next__()
    async with forwarding_to(table) as forwarder:
        reply = await forwarder.call(route, request(body=b"hi"))
    assert (reply.status, reply.body, list(reply.headers)) == (200, b"hi", [(b"x-echo", b"1")])


async def test_requests_in_flight_together_share_batches(cell: CellProcess) -> None:
    table = table_of(cell)
    route = table.routes().__next__()
    batches, frames = sample("router", "count"), sample("router", "sum")
    async with forwarding_to(table) as forwarder:
        replies = await asyncio.gather(*(forwarder.call(route, request(body=b"%d" % n)) for n in range(64)))
    assert [reply.body for reply in replies] == [b"%d" % n for n in range(64)]
    assert sample("router", "sum") - frames >= 65
    assert sample("router", "count") - batches <= 8


def sample(side: str, what: str) -> float:
    [metric] = BATCH_FRAMES.labels(side).collect()
    return next(s.value for s in metric.samples if s.name.endswith(what))


async def test_a_body_may_take_longer_than_its_deadline_while_it_flows(cell: CellProcess) -> None:
    """The deadline is for standing still: a large upload over a slow line is no late answer."""

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(8):
            await asyncio.sleep(0.1)  # the client's pace
            yield b"x" * 1000

    table = table_of(cell)
    async with forwarding_to(table) as forwarder:
        reply = await forwarder.carry(table.routes().__next__(), request(deadline_ms=400), slowly())
        assert await body_of(reply) == b"x" * 8000


async def test_a_failing_app_is_a_500_that_says_nothing(cell: CellProcess) -> None:
    table = table_of(cell)
    async with forwarding_to(table) as forwarder:
        reply = await forwarder.call(table.routes().__next__(), request("/fail"))
    assert (reply.status, reply.body) == (500, b'{"ok":false,"error":"internal_error"}')
    told = cell.ingress.tally.take()
    assert (told.requests, told.errors) == (1, 1) and told.p99_ms > 0


async def test_giving_up_cancels_the_work_in_the_cell(cell: CellProcess) -> None:
    table = table_of(cell)
    async with forwarding_to(table) as forwarder:
        call = asyncio.create_task(forwarder.call(table.routes().__next__(), request("/wait")))
        await until(lambda: cell.app.asked == ["/wait"])
        call.cancel()
        await until(lambda: cell.app.cancelled == ["/wait"])
        await until(lambda: cell.ingress.in_flight == 0)


async def test_a_late_answer_is_a_deadline_and_the_work_stops(cell: CellProcess) -> None:
    table = table_of(cell)
    async with forwarding_to(table) as forwarder:
        with pytest.raises(DeadlineExceeded):
            await forwarder.call(table.routes().__next__(), request("/wait", deadline_ms=50))
        await until(lambda: cell.app.cancelled == ["/wait"])


async def test_a_hanging_cell_opens_its_breaker(cell: CellProcess) -> None:
    table = table_of(cell)
    route = table.routes().__next__()
    async with forwarding_to(table, Limits(breaker_failures_max=2, breaker_open_s=60)) as forwarder:
        for _ in range(2):
            with pytest.raises(DeadlineExceeded):
                await forwarder.call(route, request("/wait", deadline_ms=20))
        with pytest.raises(CellUnavailable, match="breaker"):
            await forwarder.call(route, request())


async def test_a_large_reply_is_collected_apart(cell: CellProcess) -> None:
    table = table_of(cell)
    async with forwarding_to(table) as forwarder:
        reply = await forwarder.call(table.routes().__next__(), request("/large/5000000"))
        assert await body_of(reply) == b"x" * 5_000_000


async def test_a_large_upload_flows_with_bounded_memory(cell: CellProcess) -> None:
    table = table_of(cell)

    async def twenty_megabytes() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b"u" * 131_072

    async with forwarding_to(table) as forwarder:
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        reply = await forwarder.carry(table.routes().__next__(), request("/count"), twenty_megabytes())
        assert await body_of(reply) == b"20971520"
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 12 * 1024
    assert cell.app.largest_chunk <= 64 * 1024


async def test_an_upload_that_breaks_off_stops_the_app(cell: CellProcess) -> None:
    table = table_of(cell)

    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        await until(lambda: cell.app.asked == ["/count"])
        raise ConnectionError

    async with forwarding_to(table) as forwarder:
        with pytest.raises(ConnectionError):
            await forwarder.carry(table.routes().__next__(), request("/count"), broken())
        await until(lambda: cell.ingress.in_flight == 0)


async def test_a_refused_upload_keeps_its_body_and_goes_when_the_workspace_opens(cell: CellProcess) -> None:
    table = table_of(cell)
    cell.ownership.answers[WORKSPACE] = Frozen("held", retry_after_ms=10)
    pulled = []

    async def body() -> AsyncIterator[bytes]:
        pulled.append(1)
        yield b"once"

    async with forwarding_to(table) as forwarder:
        carrying = asyncio.create_task(forwarder.carry(table.routes().__next__(), request(), body()))
        await asyncio.sleep(0.05)
        assert not pulled
        cell.ownership.answers[WORKSPACE] = None
        assert await body_of(await carrying) == b"once"


async def test_more_than_the_cell_takes_is_overloaded_not_queued() -> None:
    cell = await start_cell(in_flight_max=2)
    table = table_of(cell)
    route = table.routes().__next__()
    async with forwarding_to(table) as forwarder:
        waiting = [asyncio.create_task(forwarder.call(route, request("/wait"))) for _ in range(2)]
        await until(lambda: cell.ingress.in_flight == 2)
        with pytest.raises(Overloaded):
            await forwarder.call(route, request())
        told = cell.ingress.tally.take()
        assert (told.requests, told.errors, told.p99_ms) == (1, 1, 0.0)  # refused, so it took no time here
        cell.app.gate.set()
        assert [reply.status for reply in await asyncio.gather(*waiting)] == [200, 200]
    await cell.kill()


def raw_call(channel: Any, method: str) -> Any:
    return channel.stream_stream(method)()


async def status_of(call: Any) -> grpc.StatusCode:
    """A call's status comes after its last message, so read them all."""
    try:
        async with asyncio.timeout(5):
            while await call.read() is not grpc.aio.EOF:  # type: ignore[attr-defined]
                pass
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


NO_HELLO = tunnel_pb2.Batch(frames=[tunnel_pb2.Frame(stream=1, cancel=tunnel_pb2.Cancel())]).SerializeToString()


@pytest.mark.parametrize(("method", "garbage"), [(CONNECT, b"\xff\xff\xff"), (CONNECT, NO_HELLO), (CARRY, b"\xff\xff\xff"), (CARRY, b"")])
async def test_garbage_ends_its_own_tunnel_only(cell: CellProcess, method: str, garbage: bytes) -> None:
    table = table_of(cell)
    async with forwarding_to(table) as forwarder, grpc.aio.insecure_channel(cell.endpoint.address) as channel:
        call = raw_call(channel, method)
        await call.write(garbage)
        assert await status_of(call) is grpc.StatusCode.INVALID_ARGUMENT
        assert (await forwarder.call(table.routes().__next__(), request())).status == 200


async def test_a_stream_used_twice_is_garbage(cell: CellProcess) -> None:
    hello = tunnel_pb2.Frame(hello=tunnel_pb2.Hello(process_id="x", window_bytes=1 << 20))
    ask = tunnel_pb2.Frame(stream=7, request=request())
    async with grpc.aio.insecure_channel(cell.endpoint.address) as channel:
        call = raw_call(channel, CONNECT)
        await call.write(tunnel_pb2.Batch(frames=[hello, ask, ask]).SerializeToString())
        assert await status_of(call) is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_killed_cell_fails_what_was_in_flight_once_and_the_rest_at_once(cell: CellProcess) -> None:
    """I5: what may have been executed is never sent again; what was not sent is refused at once."""
    table = table_of(cell)
    route = table.routes().__next__()
    async with forwarding_to(table) as forwarder:
        call = asyncio.create_task(forwarder.call(route, request("/wait")))
        await until(lambda: cell.app.asked == ["/wait"])
        await cell.kill()
        with pytest.raises(CellUnavailable) as broken:
            await call
        assert broken.value.executed_maybe
        with pytest.raises(CellUnavailable) as down:
            async with asyncio.timeout(0.1):
                await forwarder.call(route, request())
        assert not down.value.executed_maybe
    assert cell.app.asked == ["/wait"]


async def test_a_cell_that_is_not_the_one_dialled_gets_nothing(cell: CellProcess) -> None:
    table = table_of(cell)
    entry = table.cells()[0]
    table.apply(2, [], [type(entry)("b", entry.region, entry.state, entry.endpoints)])  # type: ignore[arg-type]
    async with forwarding_to(table, wait=False) as forwarder:
        await until(lambda: forwarder.usable("a"))
        assert not forwarder.usable("b")


async def test_a_held_request_goes_when_the_workspace_opens(cell: CellProcess) -> None:
    table = table_of(cell)
    cell.ownership.answers[WORKSPACE] = Frozen("held", retry_after_ms=10)
    async with forwarding_to(table) as forwarder:
        calls = [asyncio.create_task(forwarder.call(table.routes().__next__(), request(body=b"%d" % n))) for n in range(50)]
        await asyncio.sleep(0.1)
        assert not any(call.done() for call in calls) and cell.app.asked == []
        cell.ownership.answers[WORKSPACE] = None
        assert [reply.body for reply in await asyncio.gather(*calls)] == [b"%d" % n for n in range(50)]
    assert len(cell.app.asked) == 50


async def test_a_refusal_from_inside_the_app_is_held_too(cell: CellProcess) -> None:
    table = table_of(cell)
    async with forwarding_to(table, Limits(hold_s_max=0.2)) as forwarder:
        with pytest.raises(HoldTimeout):
            await forwarder.call(table.routes().__next__(), request("/refuse"))
    assert len(cell.app.asked) > 2


async def test_a_request_follows_its_workspace_to_another_cell(cell: CellProcess) -> None:
    other = await start_cell("b")
    table = table_of(cell, other)
    route = table.routes().__next__()
    cell.ownership.answers[WORKSPACE] = Frozen("held", retry_after_ms=1000)
    async with forwarding_to(table) as forwarder:
        call = asyncio.create_task(forwarder.call(route, request(body=b"moving")))
        await asyncio.sleep(0.05)
        cell.ownership.answers[WORKSPACE] = moved("b", 2)
        assert (await call).body == b"moving"
        assert table.get(WORKSPACE).cell == "b"  # type: ignore[union-attr]
        assert (await forwarder.call(route, request(body=b"old route"))).body == b"old route"
    assert cell.app.asked == [] and len(other.app.asked) == 2
    await other.kill()


async def test_a_table_behind_the_directory_is_given_a_moment(cell: CellProcess) -> None:
    """The workspace left for good and its old cell forgot it, before the delta that says so came here."""
    other = await start_cell("b")
    table = table_of(cell, other)
    route = next(table.routes())
    del cell.ownership.answers[WORKSPACE]
    async with forwarding_to(table) as forwarder:
        call = asyncio.create_task(forwarder.call(route, request(body=b"moved")))
        await until(lambda: len(forwarder._holding) == 1)
        table.apply(2, [replace(route, cell=CellName("b"), epoch=2)], table_of(cell, other).cells())
        assert (await call).body == b"moved"
    await other.kill()


async def test_a_workspace_that_no_cell_knows_is_told_so_in_time(cell: CellProcess) -> None:
    table = table_of(cell)
    del cell.ownership.answers[WORKSPACE]
    async with forwarding_to(table, Limits(hold_not_mine_s_max=0.1)) as forwarder:
        with pytest.raises(Refused) as refused:
            await forwarder.call(next(table.routes()), request())
    assert refused.value.status == 404


async def test_a_route_change_wakes_what_is_held(cell: CellProcess) -> None:
    other = await start_cell("b")
    table = table_of(cell, other)
    route = table.routes().__next__()
    cell.ownership.answers[WORKSPACE] = Frozen("held", retry_after_ms=60_000)
    async with forwarding_to(table) as forwarder:
        call = asyncio.create_task(forwarder.call(route, request()))
        await asyncio.sleep(0.05)
        table.learn(WORKSPACE, other.name, 2)  # type: ignore[arg-type]
        async with asyncio.timeout(1):
            assert (await call).status == 200
    await other.kill()


async def test_a_suspended_workspace_is_refused_for_good(cell: CellProcess) -> None:
    table = table_of(cell)
    cell.ownership.answers[WORKSPACE] = Suspended("off")
    async with forwarding_to(table) as forwarder:
        with pytest.raises(Refused) as refused:
            await forwarder.call(table.routes().__next__(), request())
    assert (refused.value.status, refused.value.reason) == (403, "suspended")


async def test_a_draining_process_finishes_and_its_sibling_takes_over(cell: CellProcess) -> None:
    sibling = await start_cell("a")
    table = table_of(cell, sibling)
    route = table.routes().__next__()
    async with forwarding_to(table) as forwarder:
        await until(lambda: len([d for d in forwarder._cells.require("a").diallers.values() if d.tunnel and d.tunnel.usable]) == 2)
        calls = [asyncio.create_task(forwarder.call(route, request("/wait"))) for _ in range(8)]
        await until(lambda: len(cell.app.asked) == len(sibling.app.asked) == 4)
        draining = asyncio.create_task(cell.ingress.drain(5))
        replies = [await forwarder.call(route, request()) for _ in range(20)]
        assert [reply.status for reply in replies] == [200] * 20
        cell.app.gate.set()
        sibling.app.gate.set()
        assert [reply.status for reply in await asyncio.gather(*calls)] == [200] * 8
        await draining
    assert len(cell.app.asked) == 4
    await asyncio.gather(cell.kill(), sibling.kill())


async def test_what_comes_before_its_workspace_is_served_when_it_opens_and_is_not_refused() -> None:
    """The router hears of a switch a moment before the cell does: a refusal would cost its client a poll."""
    table = TenancyTable(cast(Database, None))  # nothing is read from it here
    early = Arrivals(table)
    process = await start_cell(arrivals=early)
    row = Tenancy(WORKSPACE, 1, TenancyState.INCOMING, 0, 0, "", b"", "Acme", "acme")
    table.learn(row)
    process.ownership.answers[WORKSPACE] = Incoming("on its way here", epoch=1, retry_after_ms=50)
    routes = table_of(process)
    routes.learn(WORKSPACE, CellName("a"), 2)
    async with forwarding_to(routes) as forwarder:
        answer = asyncio.create_task(forwarder.call(next(routes.routes()), request(body=b"hi")))
        session = asyncio.create_task(forwarder.open_session(next(routes.routes()), tunnel_pb2.Open(workspace_id=WORKSPACE), Sink()))
        await until(lambda: early.waiting == 2)
        process.ownership.answers[WORKSPACE] = None
        table.learn(replace(row, state=TenancyState.ACTIVE, epoch=2))
        assert (await answer).body == b"hi"
        await session
        assert len(process.door.opens) == 1
    await process.kill()
