"""The `Cell` service over gRPC: idempotent, epoch-checked, and silent to whoever shows no credential."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from sqlalchemy import MetaData

from cells.runtime.bus import Bus
from cells.runtime.log import Tenants, WorkspaceLog
from cells.runtime.tenancy import Database, NotMine, Suspended, TenancyTable, TenantScope
from cells.runtime.transfer import CellService, Commands, Inspector, Ownership, servicer
from cells.runtime.workload import Tenant, Workload
from chassis.identity import make_workspace_id
from chassis.rpc import channel, listen, server
from protos.cell.v1 import cell_pb2, cell_pb2_grpc
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.workspaces import Say, Unsaid, a_log, execute

pytestmark = pytest.mark.anyio

CREDENTIAL = "a-credential-for-tests-0123456789"
Stub = cell_pb2_grpc.CellStub


@dataclass(frozen=True)
class CellUnderTest:
    stub: Any
    address: str
    database: Database
    table: TenancyTable
    log: WorkspaceLog


async def admit(tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    await tenant.commit(Say(f"admitted {arguments['owner_email']}"))
    return {"tokens": {"owner": "xoxp"}, "subdomain": arguments["subdomain"]}


async def say(tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"ts_us": await tenant.commit(Say(arguments["text"]))}


async def refuse(tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    raise Unsaid("not today")


async def no_app(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("no request comes in here")


async def echo(tenant: Tenant, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        if piece == b"stop":
            await refuse(tenant, {})
        yield piece.upper()


WORKLOAD = Workload(
    name="said", tables=MetaData(), app=no_app, commands={"say": say, "refuse": refuse}, admit=admit, exchanges={"echo": echo}
)


@asynccontextmanager
async def a_cell(cell_database: FreshDatabase, bus: Bus | None = None) -> AsyncIterator[CellUnderTest]:
    async with a_log(cell_database.app_url, bus) as (database, log):
        table = TenancyTable(database)
        ownership = Ownership(database, table, bus)
        commands = Commands(WORKLOAD, Tenants(table, database, log), ownership)
        rpc = server(CREDENTIAL)
        service = CellService(ownership, commands, Inspector(database, bus), lambda _: 7)
        cell_pb2_grpc.add_CellServicer_to_server(service, rpc)
        address = f"127.0.0.1:{listen(rpc, '127.0.0.1:0')}"
        await rpc.start()
        line = channel(address, CREDENTIAL)
        try:
            yield CellUnderTest(Stub(line), address, database, table, log)
        finally:
            await line.close(None)
            await rpc.stop(None)


def admission(workspace_id: str, epoch: int = 1) -> cell_pb2.AdmitRequest:
    return cell_pb2.AdmitRequest(
        workspace_id=workspace_id, name="acme", subdomain="acme", epoch=epoch, arguments=json.dumps({"owner_email": "o@acme.example"})
    )


async def refused(call: Awaitable[Any]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code(), error.value.details() or ""


async def test_admit_makes_the_workspace_once(cell_database: FreshDatabase) -> None:
    workspace_id = make_workspace_id()
    async with a_cell(cell_database) as cell:
        first = await cell.stub.Admit(admission(workspace_id))
        assert (first.tenancy.state, first.tenancy.epoch, first.tenancy.seq) == ("active", 1, 1)
        assert json.loads(first.result) == {"tokens": {"owner": "xoxp"}, "subdomain": "acme"}
        again = await cell.stub.Admit(admission(workspace_id))
        assert (again.tenancy, again.result) == (first.tenancy, "")
        assert cell.table.require(workspace_id, 1).name == "acme" and len(cell.table.require(workspace_id, 1).secret) == 32
        code, detail = await refused(cell.stub.Admit(admission(workspace_id, epoch=2)))
        assert (code, "epoch 1" in detail) == (grpc.StatusCode.FAILED_PRECONDITION, True)


async def test_an_admission_that_broke_off_is_finished_by_the_next(cell_database: FreshDatabase) -> None:
    workspace_id = make_workspace_id()
    async with a_cell(cell_database) as cell:
        await Ownership(cell.database, cell.table, None).admit(workspace_id, "acme", "acme", 1)
        reply = await cell.stub.Admit(admission(workspace_id))
        assert (reply.tenancy.seq, bool(reply.result)) == (1, True)


async def test_ownership_goes_round_and_every_verb_may_be_said_twice(cell_database: FreshDatabase) -> None:
    workspace_id = make_workspace_id()
    steps: list[tuple[str, Any, str, int]] = [
        ("Freeze", cell_pb2.FreezeRequest(workspace_id=workspace_id, epoch=1, lock_timeout_ms=1000), "frozen", 1),
        ("Open", cell_pb2.OpenRequest(workspace_id=workspace_id, epoch=1), "active", 1),
        ("Suspend", cell_pb2.SuspendRequest(workspace_id=workspace_id, epoch=1), "suspended", 1),
        ("Open", cell_pb2.OpenRequest(workspace_id=workspace_id, epoch=2), "active", 2),
        ("Freeze", cell_pb2.FreezeRequest(workspace_id=workspace_id, epoch=2, lock_timeout_ms=1000), "frozen", 2),
        ("Retire", cell_pb2.RetireRequest(workspace_id=workspace_id, epoch=3, cell="cell-2"), "moved", 3),
    ]
    async with a_cell(cell_database) as cell:
        await cell.stub.Admit(admission(workspace_id))
        for verb, request, state, epoch in steps:
            for _ in range(2):
                tenancy = (await getattr(cell.stub, verb)(request)).tenancy
                assert (tenancy.state, tenancy.epoch) == (state, epoch)
        assert tenancy.moved_to == "cell-2"
        census = await cell.stub.Census(cell_pb2.CensusRequest())
        assert [(row.workspace_id, row.state) for row in census.tenancies] == [(workspace_id, "moved")]


@pytest.mark.parametrize(
    ("verb", "request_of"),
    [
        ("Freeze", lambda workspace_id: cell_pb2.FreezeRequest(workspace_id=workspace_id, epoch=2)),
        ("Suspend", lambda workspace_id: cell_pb2.SuspendRequest(workspace_id=workspace_id, epoch=0)),
        ("Open", lambda workspace_id: cell_pb2.OpenRequest(workspace_id=workspace_id, epoch=2)),
        ("Retire", lambda workspace_id: cell_pb2.RetireRequest(workspace_id=workspace_id, epoch=1, cell="cell-2")),
        ("Retire", lambda workspace_id: cell_pb2.RetireRequest(workspace_id=workspace_id, epoch=2)),
        ("Command", lambda workspace_id: cell_pb2.CommandRequest(workspace_id=workspace_id, epoch=2, name="say", arguments='{"text":"x"}')),
    ],
)
async def test_another_epoch_is_refused_and_changes_nothing(
    cell_database: FreshDatabase, verb: str, request_of: Callable[[str], Any]
) -> None:
    workspace_id = make_workspace_id()
    async with a_cell(cell_database) as cell:
        before = (await cell.stub.Admit(admission(workspace_id))).tenancy
        code, detail = await refused(getattr(cell.stub, verb)(request_of(workspace_id)))
        assert (code, "epoch 1" in detail) == (grpc.StatusCode.FAILED_PRECONDITION, True)
        assert (await cell.stub.Census(cell_pb2.CensusRequest())).tenancies == [before]


async def test_commands_answer_in_json_and_refuse_with_words(cell_database: FreshDatabase) -> None:
    workspace_id = make_workspace_id()
    async with a_cell(cell_database) as cell:
        await cell.stub.Admit(admission(workspace_id))

        async def command(name: str, arguments: str) -> cell_pb2.CommandReply:
            request = cell_pb2.CommandRequest(workspace_id=workspace_id, epoch=1, name=name, arguments=arguments)
            reply: cell_pb2.CommandReply = await cell.stub.Command(request)
            return reply

        assert json.loads((await command("say", '{"text": "hello"}')).result)["ts_us"] > 0
        assert [event.payload for event in await cell.log.read(TenantScope(workspace_id, 1), 1)] == ["hello"]
        assert (await command("refuse", "{}")).error == "unsaid"
        assert (await command("nothing", "{}")).error == "unknown_command"
        for arguments in ("{", "[]", '"x"', "x" * 300_000):
            assert (await command("say", arguments)).error == "bad_arguments"


async def test_unknown_workspaces_and_garbage_are_told_apart(cell_database: FreshDatabase) -> None:
    async with a_cell(cell_database) as cell:
        assert (await refused(cell.stub.Inspect(cell_pb2.InspectRequest(workspace_id=make_workspace_id()))))[0] == grpc.StatusCode.NOT_FOUND
        garbage = cell_pb2.FreezeRequest(workspace_id="'; DROP TABLE log; --", epoch=1)
        assert (await refused(cell.stub.Freeze(garbage)))[0] == grpc.StatusCode.INVALID_ARGUMENT


async def test_without_the_credential_nothing_is_done(cell_database: FreshDatabase) -> None:
    workspace_id = make_workspace_id()
    async with a_cell(cell_database) as cell, channel(cell.address, "another-credential-0123456789") as line:
        assert (await refused(Stub(line).Admit(admission(workspace_id))))[0] == grpc.StatusCode.UNAUTHENTICATED
        assert (await cell.stub.Census(cell_pb2.CensusRequest())).tenancies == []


async def test_the_doctor_sees_what_a_workspace_stands_on(cell_database: FreshDatabase, redis_url: str) -> None:
    workspace_id = make_workspace_id()
    bus = Bus(redis_url)
    async with bus.running(), a_cell(cell_database, bus) as cell:
        await bus.until_connected()
        await cell.stub.Admit(admission(workspace_id))
        seen = await cell.stub.Inspect(cell_pb2.InspectRequest(workspace_id=workspace_id))
        assert [(check.name, check.ok) for check in seen.checks] == [
            (name, True) for name in ("database", "redis", "tenancy", "log", "cursors")
        ]
        assert (seen.sessions, seen.tenancy.seq) == (7, 1)
        await execute(cell_database.owner_url, "DELETE FROM log")
        await execute(cell_database.owner_url, "INSERT INTO cursors (workspace_id, name, seq) VALUES ($1, 'search', 1)", workspace_id)
        seen = await cell.stub.Inspect(cell_pb2.InspectRequest(workspace_id=workspace_id))
        assert {check.name: check.detail for check in seen.checks if not check.ok} == {"log": "head is 1, the last event is 0"}
        assert [(cursor.name, cursor.seq) for cursor in seen.cursors] == [("search", 1)]


async def test_another_process_of_the_cell_hears_of_it(cell_database: FreshDatabase, redis_url: str) -> None:
    workspace_id = make_workspace_id()
    here, there = Bus(redis_url), Bus(redis_url)
    async with here.running(), there.running(), a_cell(cell_database, here) as cell, a_log(cell_database.app_url) as (database, _):
        other = TenancyTable(database)
        there.subscribe("tenancy", lambda _: other.wake())
        async with other.watching():
            with pytest.raises(NotMine):
                other.require(workspace_id, 1)
            await cell.stub.Admit(admission(workspace_id))
            await eventually(lambda: other.get(workspace_id), within_s=5)
            await cell.stub.Suspend(cell_pb2.SuspendRequest(workspace_id=workspace_id, epoch=1))
            await eventually(lambda: other.count_active() == 0, within_s=5)
            with pytest.raises(Suspended):
                other.require(workspace_id, 1)


async def exchanged(
    cell: CellUnderTest, workspace_id: str, name: str, *bodies: bytes, epoch: int = 1, silent: bool = False
) -> list[cell_pb2.Parcel]:
    async def parcels() -> AsyncIterator[cell_pb2.Parcel]:
        yield cell_pb2.Parcel(workspace_id=workspace_id, epoch=epoch, name=name, body=bodies[0] if bodies else b"")
        for body in bodies[1:]:
            yield cell_pb2.Parcel(body=body)
        if silent:
            await asyncio.Event().wait()

    return [parcel async for parcel in cell.stub.Exchange(parcels())]


async def test_an_exchange_goes_both_ways_in_order_and_ends_with_a_word(
    cell_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace_id = make_workspace_id()
    async with a_cell(cell_database) as cell:
        await cell.stub.Admit(admission(workspace_id))
        assert [parcel.body for parcel in await exchanged(cell, workspace_id, "echo", b"a", b"b", b"c")] == [b"A", b"B", b"C"]
        said = await exchanged(cell, workspace_id, "echo", b"a", b"stop", b"c")
        assert (said[0].body, said[1].error != "", len(said)) == (b"A", True, 2)
        [unknown] = await exchanged(cell, workspace_id, "nothing", b"")
        assert unknown.error == "unknown_command" and "echo" in unknown.detail
        for wrong, status in (({"epoch": 7}, "FAILED_PRECONDITION"), ({"workspace_id": "T; DROP"}, "INVALID_ARGUMENT")):
            code, _ = await refused(exchanged(cell, **{"workspace_id": workspace_id, "name": "echo", **wrong}))  # type: ignore[arg-type]
            assert code.name == status
        monkeypatch.setattr(servicer, "SILENCE_S_MAX", 0.1)
        code, _ = await refused(exchanged(cell, workspace_id, "echo", b"a", silent=True))
        assert code.name == "DEADLINE_EXCEEDED"
