"""I8: bounds that hold where a cell or the control plane is slow, and nothing piles up behind it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from chassis.clock import SystemClock
from router.forward import Limits, Overloaded
from router.routes.resolve import ASKING_MAX, DirectoryUnavailable, Resolver
from router.routes.table import RouteTable
from tests.harness.tunnels import forwarding_to, request, start_cell, table_of, until

pytestmark = pytest.mark.anyio


async def test_more_in_flight_to_a_cell_than_allowed_is_refused_by_the_router_itself() -> None:
    cell = await start_cell()
    table = table_of(cell)
    route = next(table.routes())
    async with forwarding_to(table, Limits(in_flight_max=2)) as forwarder:
        waiting = [asyncio.create_task(forwarder.call(route, request("/wait"))) for _ in range(2)]
        await until(lambda: cell.app.asked == ["/wait"] * 2)
        with pytest.raises(Overloaded):
            await forwarder.call(route, request("/echo"))
        assert "/echo" not in cell.app.asked
        cell.app.gate.set()
        assert [reply.status for reply in await asyncio.gather(*waiting)] == [200, 200]
        assert (await forwarder.call(route, request("/echo"))).status == 200
    await cell.kill()


async def test_questions_to_a_control_plane_that_does_not_answer_are_bounded() -> None:
    resolver = Resolver(RouteTable(), SimpleNamespace(unary_unary=_never, stream_stream=_never), SystemClock())  # type: ignore[arg-type]
    asking = [asyncio.create_task(resolver.by_subdomain(f"name-{n}")) for n in range(ASKING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(DirectoryUnavailable, match="too many"):
        await resolver.by_subdomain("one-more")
    for task in (*asking, *resolver._asking.values()):
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


def _never(*_: object, **__: object) -> Any:
    async def ask(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    return ask
