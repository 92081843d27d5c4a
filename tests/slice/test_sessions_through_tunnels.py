"""Gateway, ingress, tunnel and router together: sockets outlive the process that served them and miss nothing."""

import asyncio
import json

import pytest

from cells.runtime.log import workspace_log as log_module
from cells.runtime.tenancy import TenantScope
from cells.runtime.workload import Receive, Scope, Send
from protos.tunnel.v1 import tunnel_pb2
from router.forward import Forwarder, Limits, Refused, Session
from router.routes.table import RouteTable
from tests.harness.cells import RunningCell, a_cell, directory_of
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.rooms import Enter, Exit, RoomSessions, Speak, create_rooms
from tests.harness.tunnels import Sink, forwarding_to
from tests.harness.workspaces import a_workspace

pytestmark = pytest.mark.anyio
QUICK = Limits(reopen_jitter_s=0.01)


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "POLL_S", 0.02)


async def no_app(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("nobody asks it")


async def open_socket(forwarder: Forwarder, table: RouteTable, scope: TenantScope, user_id: str) -> tuple[Session, Sink]:
    route, sink = table.get(scope.workspace_id), Sink()
    assert route is not None
    query = f"user={user_id}".encode()
    asked = tunnel_pb2.Open(workspace_id=scope.workspace_id, epoch=scope.epoch, path=b"/rtm", query=query, request_id="r1")
    return await forwarder.open_session(route, asked, sink), sink


def words(sink: Sink) -> list[str]:
    return [json.loads(text)["words"] for text in sink.texts if text.startswith("{") and "words" in text]


async def test_a_killed_process_loses_and_doubles_nothing(cell_database: FreshDatabase) -> None:
    """Ten sockets over two processes; one process dies while people speak through the other."""
    await create_rooms(cell_database.owner_url)
    scope = await a_workspace(cell_database.owner_url)
    said = [str(number) for number in range(300)]
    async with a_cell(cell_database, no_app, RoomSessions()) as one, a_cell(cell_database, no_app, RoomSessions()) as two:
        await asyncio.gather(*(two.log.commit(scope, Enter(f"U{n}", "C1")) for n in range(10)))
        table = directory_of(one, two, homes={scope: "a"})
        async with forwarding_to(table, QUICK) as forwarder:
            await both_reached(forwarder, one, two)
            opened = [await open_socket(forwarder, table, scope, f"U{n}") for n in range(10)]
            dying, living = (one, two) if one.gateway and one.gateway.connections else (two, one)
            speaking = asyncio.create_task(speak(living, scope, said))
            await eventually(lambda: all(len(words(sink)) > 20 for _, sink in opened))
            await dying.kill()
            await speaking
            await eventually(lambda: all(words(sink)[-1:] == ["299"] for _, sink in opened))
            assert all(words(sink) == said and sink.texts.count("hello") == 1 and sink.closed is None for _, sink in opened)
            assert living.gateway is not None and living.gateway.connections == 10


async def both_reached(forwarder: Forwarder, *cells: RunningCell) -> None:
    await eventually(lambda: all(cell.ingress._links for cell in cells))


async def speak(cell: RunningCell, scope: TenantScope, said: list[str]) -> None:
    for word in said:
        await cell.log.commit(scope, Speak(("C1",), word))


async def test_groups_follow_their_events_through_the_router(cell_database: FreshDatabase) -> None:
    await create_rooms(cell_database.owner_url)
    scope = await a_workspace(cell_database.owner_url)
    async with a_cell(cell_database, no_app, RoomSessions()) as cell:
        table = directory_of(cell, homes={scope: "a"})
        async with forwarding_to(table, QUICK) as forwarder:
            session, sink = await open_socket(forwarder, table, scope, "U1")
            changes = (Speak(("C1",), "before"), Enter("U1", "C1"), Speak(("C1",), "in"), Exit("U1", "C1"), Speak(("C1",), "after"))
            for change in (*changes, Speak(("U1",), "end")):
                await cell.log.commit(scope, change)
            await eventually(lambda: words(sink) == ["in", "end"])
            session.send_text("ping")
            await eventually(lambda: sink.texts[-1] == "echo ping")
            session.close(1000, "bye")
            await eventually(lambda: cell.gateway is not None and cell.gateway.connections == 0)


async def test_who_is_not_let_in_is_refused_before_the_upgrade(cell_database: FreshDatabase) -> None:
    await create_rooms(cell_database.owner_url)
    scope = await a_workspace(cell_database.owner_url)
    async with a_cell(cell_database, no_app, RoomSessions()) as cell:
        table = directory_of(cell, homes={scope: "a"})
        async with forwarding_to(table, QUICK) as forwarder:
            with pytest.raises(Refused) as refused:
                await open_socket(forwarder, table, scope, "")
            assert refused.value.status == 401
