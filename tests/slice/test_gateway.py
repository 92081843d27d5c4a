"""Sessions over a real log: each gets every event for its groups exactly once and in order, whatever races with its opening."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.gateway import CloseCode, Gateway, Limits, open_gateway
from cells.runtime.log import LoggedEvent, Tenants, WorkspaceLog
from cells.runtime.log import workspace_log as log_module
from cells.runtime.tenancy import TenancyTable, TenantScope
from chassis.clock import Clock, SystemClock
from chassis.identity import WorkspaceId
from protos.tunnel.v1 import tunnel_pb2
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase, in_own_loop
from tests.harness.eventually import eventually
from tests.harness.recorder import Client, RecordingLink
from tests.harness.rooms import Enter, Exit, RoomSessions, Speak, create_rooms
from tests.harness.workspaces import a_log, a_workspace, set_tenancy

USERS, ROOMS = ("U1", "U2", "U3"), ("C1", "C2")
NARROW = Limits(recent_events_max=3, replay_frame_bytes_max=60, replay_page_events_max=4, openings_max=3)


@dataclass(frozen=True)
class Process:
    """A gateway process of a cell."""

    log: WorkspaceLog
    table: TenancyTable
    gateway: Gateway
    sessions: RoomSessions


@asynccontextmanager
async def a_process(database: FreshDatabase, limits: Limits | None = None, clock: Clock | None = None) -> AsyncIterator[Process]:
    async with a_log(database.app_url) as (rows, log):
        table, sessions = TenancyTable(rows), RoomSessions()
        await table.refresh()
        tenants = Tenants(table, rows, log)
        async with open_gateway(sessions=sessions, tenants=tenants, clock=clock or SystemClock(), limits=limits) as gateway:
            yield Process(log, table, gateway, sessions)


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "POLL_S", 0.02)


async def a_scope(database: FreshDatabase) -> TenantScope:
    await create_rooms(database.owner_url)
    return await a_workspace(database.owner_url)


def words(client: Client) -> list[str]:
    return [json.loads(text)["words"] for text in client.received if text.startswith("{") and "words" in text]


# the promise


STEPS = st.one_of(
    st.tuples(st.just("speak"), st.sampled_from([("C1",), ("C2",), ("C1", "C2"), ("*",), *((user,) for user in USERS)])),
    st.tuples(st.sampled_from(["enter", "exit"]), st.sampled_from(USERS), st.sampled_from(ROOMS)),
    st.tuples(st.just("open"), st.sampled_from(USERS)),
    st.tuples(st.sampled_from(["arrive", "lose", "lose", "yield"])),
)
ROUNDS = st.lists(st.lists(STEPS, min_size=1, max_size=10), min_size=2, max_size=8)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rounds=ROUNDS, narrow=st.booleans(), held=st.booleans())
def test_each_session_gets_what_the_log_says(
    cell_database: FreshDatabase, rounds: list[list[tuple[object, ...]]], narrow: bool, held: bool
) -> None:
    in_own_loop(check_rounds(cell_database, rounds, NARROW if narrow else Limits(), held))


async def check_rounds(database: FreshDatabase, rounds: list[list[tuple[object, ...]]], limits: Limits, held: bool) -> None:
    """The steps of a round run at once, over two processes that hear of one another only by looking at the database."""
    scope = await a_scope(database)
    async with a_process(database, limits) as first, a_process(database, limits) as second:
        race = Race(scope, (first, second), held)
        for steps in rounds:
            await asyncio.gather(*(race.take(step) for step in steps))
        await race.settle()
        events = await first.log.read(scope, 0)
        for client in race.clients:
            check(client, events)


class Race:
    def __init__(self, scope: TenantScope, processes: tuple[Process, ...], held: bool) -> None:
        self.scope, self.processes, self.held = scope, processes, held
        self.links = [RecordingLink(process.gateway, held=held) for process in processes]
        self.clients: list[Client] = []
        self._turns = 0

    async def take(self, step: tuple[object, ...]) -> None:
        self._turns += 1
        process = self.processes[self._turns % len(self.processes)]
        match step:
            case ("speak", audience):
                await process.log.commit(self.scope, Speak(audience))  # type: ignore[arg-type]
            case ("enter" | "exit" as way, user, room):
                change = (Enter if way == "enter" else Exit)(str(user), str(room))
                await asyncio.gather(process.log.commit(self.scope, change), return_exceptions=True)
            case ("open", user):
                client = Client(str(user))
                self.clients.append(client)
                await self.open(client)
            case ("lose",):
                await self.lose(self._turns % len(self.links))
            case ("arrive",):
                for link in self.links:
                    link.arrive()
            case _:
                await asyncio.sleep(0.01)

    async def open(self, client: Client) -> None:
        if not client.state:
            client.head_before = await self.processes[0].log.head(self.scope)
        self._turns += 1
        await self.links[self._turns % len(self.links)].open(client, self.scope)

    async def lose(self, at: int) -> None:
        lost, process = self.links[at], self.processes[(at + 1) % len(self.processes)]
        self.links[at] = RecordingLink(process.gateway, held=self.held)
        await asyncio.gather(*(self.open(client) for client in lost.lose()))

    async def settle(self) -> None:
        """Everything arrives; each session that is still open was told all there is."""
        head = await self.processes[0].log.head(self.scope)
        for link in self.links:
            link.held = False
            link.arrive()
        await eventually(lambda: all(feed.position >= head for process in self.processes for feed in process.gateway._feeds.values()))


def check(client: Client, events: list[LoggedEvent]) -> None:
    """Received = what the log addresses to the user past some place between the ask and the answer; the order is the log's."""
    assert client.refused is None and not client.closed and client.first_seq is not None
    seqs = {event.payload: event.seq for event in events}
    got = [seqs[text] for text in client.received if text != "hello"]
    mine = addressed(client.user_id, events)
    starts = range(client.head_before, client.first_seq + 1)
    assert any(got == [seq for seq in mine if seq > start] for start in starts), (got, mine, starts)
    assert client.received.count("hello") == 1


def addressed(user_id: str, events: list[LoggedEvent]) -> list[int]:
    """The oracle: walk the whole log from its beginning."""
    groups, mine = {user_id, "*"}, []
    for event in events:
        facts = json.loads(event.payload)
        if event.kind == "entered" and facts["user"] == user_id:
            groups.add(facts["room"])
        if not groups.isdisjoint(event.audience):
            mine.append(event.seq)
        if event.kind == "left" and facts["user"] == user_id:
            groups.discard(facts["room"])
    return mine


# one thing at a time


@pytest.mark.anyio
async def test_many_members_cost_one_frame_a_link(cell_database: FreshDatabase) -> None:
    scope = await a_scope(cell_database)
    async with a_process(cell_database) as process:
        link, other = RecordingLink(process.gateway), RecordingLink(process.gateway)
        clients = [Client(f"U{number}") for number in range(20)]
        for client in clients:
            await process.log.commit(scope, Enter(client.user_id, "C1"))
            await link.open(client, scope)
        await other.open(Client("U99"), scope)
        link.frames.clear()
        await process.log.commit(scope, Speak(("C1",), "hi"))
        await eventually(lambda: all(words(client) == ["hi"] for client in clients))
        assert len(link.frames) == 1 and [frame.WhichOneof("body") for frame in other.frames] == ["opened"]


@pytest.mark.anyio
async def test_a_newcomer_hears_their_own_entrance_and_the_one_who_goes_their_exit(cell_database: FreshDatabase) -> None:
    scope, client = await a_scope(cell_database), Client("U1")
    async with a_process(cell_database) as process:
        await RecordingLink(process.gateway).open(client, scope)
        for change in (Speak(("C1",), "before"), Enter("U1", "C1"), Speak(("C1",), "within"), Exit("U1", "C1"), Speak(("C1",), "after")):
            await process.log.commit(scope, change)
        await process.log.commit(scope, Speak(("U1",), "end"))
        await eventually(lambda: words(client)[-1:] == ["end"])
        assert words(client) == ["within", "end"]
        assert sum("room" in text for text in client.received) == 2


@pytest.mark.anyio
async def test_who_is_not_let_in_gets_the_workloads_status(cell_database: FreshDatabase) -> None:
    scope, client = await a_scope(cell_database), Client("")
    async with a_process(cell_database) as process:
        await RecordingLink(process.gateway).open(client, scope)
        assert client.refused is not None
        assert (client.refused.reason, client.refused.status) == (tunnel_pb2.Refusal.UNAUTHORIZED, 401)
        assert process.gateway.connections == 0


@pytest.mark.anyio
@pytest.mark.parametrize(("workspace", "epoch", "reason"), [("T999999999", 1, "NOT_MINE"), (None, 7, "STALE_EPOCH")])
async def test_not_executed_is_said(cell_database: FreshDatabase, workspace: str | None, epoch: int, reason: str) -> None:
    scope, client = await a_scope(cell_database), Client("U1")
    async with a_process(cell_database) as process:
        asked = TenantScope(WorkspaceId(workspace or scope.workspace_id), epoch)
        await RecordingLink(process.gateway).open(client, asked)
        assert client.refused is not None and client.refused.reason == tunnel_pb2.Refusal.Reason.Value(reason)


@pytest.mark.anyio
async def test_a_move_takes_the_sessions_along(cell_database: FreshDatabase) -> None:
    scope, client = await a_scope(cell_database), Client("U1")
    async with a_process(cell_database) as process:
        await RecordingLink(process.gateway).open(client, scope)
        await set_tenancy(cell_database.owner_url, scope.workspace_id, "moved", 2)
        await process.table.refresh()
        assert client.refused is not None
        assert (client.refused.reason, client.refused.epoch) == (tunnel_pb2.Refusal.MOVED, 2)
        assert process.gateway.connections == 0


def spoilt(client: Client) -> None:
    client.state = client.state[:-4] + b"AAA="


def another_user(client: Client) -> None:
    body, _, signature = client.state.partition(b".")
    client.state = body[::-1] + b"." + signature


def no_state_at_all(client: Client) -> None:
    client.state = b"\xff\x00 nonsense"


@pytest.mark.anyio
@pytest.mark.parametrize("forge", [spoilt, another_user, no_state_at_all])
async def test_a_forged_state_closes_the_socket(cell_database: FreshDatabase, forge: Callable[[Client], None]) -> None:
    scope, client = await a_scope(cell_database), Client("U1")
    async with a_process(cell_database) as process:
        link = RecordingLink(process.gateway)
        await link.open(client, scope)
        forge(client)
        await RecordingLink(process.gateway).open(client, scope)
        assert client.closed == CloseCode.EXPIRED


@pytest.mark.anyio
async def test_the_state_of_one_workspace_opens_no_other(cell_database: FreshDatabase) -> None:
    scope, other, client = await a_scope(cell_database), await a_scope(cell_database), Client("U1")
    async with a_process(cell_database) as process:
        await RecordingLink(process.gateway).open(client, scope)
        await RecordingLink(process.gateway).open(client, other)
        assert client.closed == CloseCode.EXPIRED


@pytest.mark.anyio
async def test_an_old_state_closes_the_socket(cell_database: FreshDatabase) -> None:
    scope, client, clock = await a_scope(cell_database), Client("U1"), ManualClock()
    async with a_process(cell_database, clock=clock) as process:
        await RecordingLink(process.gateway).open(client, scope)
        clock.advance(Limits().state_age_s_max + 1)
        await RecordingLink(process.gateway).open(client, scope)
        assert client.closed == CloseCode.EXPIRED


@pytest.mark.anyio
async def test_who_missed_too_much_is_told_to_reload(cell_database: FreshDatabase) -> None:
    scope, client = await a_scope(cell_database), Client("U1")
    async with a_process(cell_database, Limits(replay_events_max=5)) as process:
        link = RecordingLink(process.gateway)
        await link.open(client, scope)
        link.lose()
        await asyncio.gather(*(process.log.commit(scope, Speak(("*",))) for _ in range(6)))
        await RecordingLink(process.gateway).open(client, scope)
        assert client.closed == CloseCode.RELOAD


@pytest.mark.anyio
async def test_a_link_that_does_not_keep_up_is_cut_and_delays_no_other(cell_database: FreshDatabase) -> None:
    scope, slow, quick = await a_scope(cell_database), Client("U1"), Client("U2")
    async with a_process(cell_database) as process:
        stuck, link = RecordingLink(process.gateway, held=True, room=3), RecordingLink(process.gateway)
        await stuck.open(slow, scope)
        stuck.arrive()
        await link.open(quick, scope)
        said = [str(number) for number in range(10)]
        for word in said:
            await process.log.commit(scope, Speak(("*",), word))
        await eventually(lambda: words(quick) == said)
        assert stuck.closed and process.gateway.connections == 1
        await link.open(slow, scope)
        assert words(slow) == said


@pytest.mark.anyio
async def test_messages_are_answered_in_order_on_their_own_socket(cell_database: FreshDatabase) -> None:
    scope, client, other = await a_scope(cell_database), Client("U1"), Client("U2")
    async with a_process(cell_database) as process:
        link = RecordingLink(process.gateway)
        stream = await link.open(client, scope)
        await link.open(other, scope)
        for number in range(20):
            link.say(stream, str(number))
        await eventually(lambda: client.received == ["hello", *(f"echo {number}" for number in range(20))])
        assert other.received == ["hello"]


@pytest.mark.anyio
async def test_a_flood_and_a_failing_message_end_their_own_session(cell_database: FreshDatabase) -> None:
    scope, flooding, failing = await a_scope(cell_database), Client("U1"), Client("U2")
    async with a_process(cell_database, Limits(inbox_messages_max=4)) as process:
        link = RecordingLink(process.gateway)
        streams = [await link.open(client, scope) for client in (flooding, failing)]
        for _ in range(6):
            link.say(streams[0], "me")
        link.say(streams[1], "fail")
        await eventually(lambda: (flooding.closed, failing.closed) == (CloseCode.FLOOD, CloseCode.FAILED))
        assert process.gateway.connections == 0


@pytest.mark.anyio
async def test_nobody_listens_nothing_is_followed(cell_database: FreshDatabase) -> None:
    scope, client = await a_scope(cell_database), Client("U1")
    async with a_process(cell_database) as process:
        link = RecordingLink(process.gateway)
        stream = await link.open(client, scope)
        assert len(process.gateway._feeds) == 1
        process.gateway.on_close(link, stream, tunnel_pb2.Close(code=1000))
        assert (process.gateway.connections, len(process.gateway._feeds)) == (0, 0)


@pytest.mark.anyio
async def test_stopping_lets_replies_out_and_takes_nothing_new(cell_database: FreshDatabase) -> None:
    scope, client, late = await a_scope(cell_database), Client("U1"), Client("U2")
    async with AsyncExitStack() as stack:
        process = await stack.enter_async_context(a_process(cell_database))
        link = RecordingLink(process.gateway)
        stream = await link.open(client, scope)
        link.say(stream, "last words")
        await process.gateway.stop()
        await link.open(late, scope)
        assert client.received == ["hello", "echo last words"]
        assert late.refused is not None and late.refused.reason == tunnel_pb2.Refusal.DRAINING


@pytest.mark.anyio
async def test_sessions_that_open_together_share_their_snapshots(cell_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = await a_scope(cell_database)
    async with a_process(cell_database) as process:
        looks = 0
        real = process.sessions.groups

        async def counted(connection: AsyncConnection, of: TenantScope, user_ids: Sequence[str]) -> Mapping[str, frozenset[str]]:
            nonlocal looks
            looks += 1
            return await real(connection, of, user_ids)

        monkeypatch.setattr(process.sessions, "groups", counted)
        link, clients = RecordingLink(process.gateway), [Client(f"U{number}") for number in range(30)]
        await asyncio.gather(*(link.open(client, scope) for client in clients))
        assert all(client.received == ["hello"] for client in clients)
        assert looks <= 2


@pytest.mark.anyio
async def test_a_user_whom_the_workload_leaves_out_is_turned_away_also_when_the_session_comes_from_elsewhere(
    cell_database: FreshDatabase,
) -> None:
    scope = await a_scope(cell_database)
    async with a_process(cell_database) as process:
        link, client, other = RecordingLink(process.gateway), Client("U1"), Client("U2")
        await link.open(client, scope)
        process.sessions.shut_out.add("U1")
        link.lose()
        again = RecordingLink(process.gateway)
        await asyncio.gather(again.open(client, scope), again.open(other, scope))
        assert client.refused is not None and client.refused.status == 403
        assert other.received == ["hello"]


@pytest.mark.anyio
async def test_who_comes_back_after_another_reads_nothing_again(cell_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = await a_scope(cell_database)
    async with a_process(cell_database) as process:
        clients = [Client("U1"), Client("U2")]
        await asyncio.gather(*(process.log.commit(scope, Speak(("*",), f"{number}")) for number in range(20)))
        link, reads = RecordingLink(process.gateway), []
        real = process.log.read

        async def counted(of: TenantScope, after_seq: int, limit: int) -> list[LoggedEvent]:
            reads.append(after_seq)
            return await real(of, after_seq, limit)

        monkeypatch.setattr(process.log, "read", counted)
        for client in clients:
            await link.open(client, scope, after=3)
        assert reads == [3]
        assert words(clients[0]) == words(clients[1])
        assert len(words(clients[1])) == 17
