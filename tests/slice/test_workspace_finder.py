"""Which workspaces an address is in is told to its owner by mail, whole while cells are down, and to nobody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
import httpx
import pytest

from cells.app.address_book import address_book
from cells.chat.domain.addresses.reporting import AddressReport
from cells.chat.workload import chat
from cells.runtime.bus import Claims
from cells.runtime.jobs import Errands
from cells.runtime.log import Tenants
from cells.runtime.tenancy import TenancyTable
from chassis.addresses import address_hash
from chassis.clock import SystemClock
from chassis.identity import CellName, ProcessId, WorkspaceId
from control_plane.registry import Draft, Heartbeat, Registry, Report, WorkspaceState, open_registry
from control_plane.serving.acknowledgements import Acknowledgements
from control_plane.serving.directory import DirectoryService
from control_plane.serving.finding import WorkspaceFinder
from control_plane.serving.follow import Follower
from control_plane.serving.registration import RegistrationService
from control_plane.serving.view import DirectoryView
from protos.directory.v1 import directory_pb2_grpc
from tests.harness.chat import Workspace, a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.edge import an_edge
from tests.harness.eventually import eventually
from tests.harness.mailbox import Mailbox
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio


@dataclass
class Desk:
    """A control plane as far as finding goes."""

    registry: Registry
    mail: Mailbox
    address: str
    told: list[AddressReport] = field(default_factory=list)

    async def workspace(self, workspace_id: str, name: str) -> None:
        beat = Heartbeat(CellName("cell-1"), "local", ProcessId("p"), "127.0.0.1:1", ("api",), "0", "1", 0, 0, 0.0, 0, False)
        await self.registry.heartbeats.record(beat)
        draft = Draft(WorkspaceId(workspace_id), name, "free", "", {}, "owner@example.com")
        row = await self.registry.workspaces.insert(draft, lambda cells: cells[0].name)
        await self.registry.workspaces.change_state(row, WorkspaceState.ACTIVE)

    async def names(self, email: str) -> list[str]:
        return await self.registry.addresses.workspaces_of(address_hash(email))


@asynccontextmanager
async def a_desk(database: FreshDatabase) -> AsyncIterator[Desk]:
    mail = Mailbox()
    async with open_registry(database.app_url) as registry:
        finder = WorkspaceFinder(registry, mail, "https://chat.example", SystemClock())
        server, view = grpc.aio.server(), DirectoryView()
        directory_pb2_grpc.add_DirectoryServicer_to_server(
            DirectoryService(view, Follower(view, registry, database.app_url).catch_up, Acknowledgements(), finder), server
        )
        directory_pb2_grpc.add_RegistrationServicer_to_server(RegistrationService(registry), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        task = asyncio.create_task(finder.run())
        try:
            yield Desk(registry, mail, f"127.0.0.1:{port}")
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await server.stop(None)


async def errands_of(acme: Workspace, tell: Any) -> Errands:
    """A worker's, of a workload that tells addresses."""
    clock = SystemClock()
    table = TenancyTable(acme.tenant.database)
    await table.refresh()
    workload = chat(clock, Claims(None, clock), tell_addresses=tell)
    return Errands(workload.errands, Tenants(table, acme.tenant.database, acme.tenant.log), clock)


async def run(errands: Errands) -> None:
    await errands.step()
    await errands.settle()


async def test_addresses_are_reported_as_people_come_and_go(cell_database: FreshDatabase, control_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as cell, a_desk(control_database) as desk:
        acme = await cell.found("acme")
        await desk.workspace(acme.scope.workspace_id, "acme")
        async with grpc.aio.insecure_channel(desk.address) as line:
            errands = await errands_of(acme, address_book(line))
            await run(errands)
            assert await desk.names("OWNER@acme.example.com") == ["acme"] and await desk.names("ann@example.com") == []
            ann = await acme.add("ann")
            await run(errands)
            assert await desk.names("ann@example.com") == ["acme"]
            await acme.command("user.deactivate", user=ann.user_id)
            await run(errands)
            assert await desk.names("ann@example.com") == [] and await desk.names("owner@acme.example.com") == ["acme"]
            assert await sql(cell_database, "SELECT 1 FROM due WHERE workspace_id = $1", acme) == [], "what was told is told once"


async def test_a_report_that_is_not_heard_is_due_again(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as cell:
        acme = await cell.found("acme")
        told: list[AddressReport] = []

        async def deaf(report: AddressReport) -> None:
            told.append(report)
            raise ConnectionError("nobody listens")

        async def busy(report: AddressReport) -> None:
            """Somebody comes in while the report is on its way."""
            told.append(report)
            if len(told) == 2:
                await acme.add("late")

        await run(await errands_of(acme, deaf))
        due = "UPDATE due SET due_us = 0 WHERE workspace_id = $1 RETURNING name"
        assert [row[0] for row in await sql(cell_database, due, acme)] == ["addresses"]
        await run(await errands_of(acme, busy))
        await sql(cell_database, due, acme)
        await run(await errands_of(acme, busy))
        assert [len(report.hashes) // 16 for report in told] == [1, 1, 2]
        assert await sql(cell_database, "SELECT 1 FROM due WHERE workspace_id = $1", acme) == []


async def sql(database: FreshDatabase, statement: str, acme: Workspace) -> list[Any]:
    return await execute(database.owner_url, statement, acme.scope.workspace_id)


async def test_a_report_of_the_past_changes_nothing(control_database: FreshDatabase) -> None:
    async with a_desk(control_database) as desk:
        await desk.workspace("T1234567890", "acme")
        ann, bob = address_hash("ann@example.com"), address_hash("bob@example.com")
        now = Report(WorkspaceId("T1234567890"), 2, 10, [ann])
        assert await desk.registry.addresses.replace(now)
        for stale in (replace(now, seq=9, hashes=[bob]), replace(now, epoch=1, seq=99, hashes=[bob])):
            assert not await desk.registry.addresses.replace(stale)
        assert not await desk.registry.addresses.replace(replace(now, workspace_id=WorkspaceId("T0000000000")))
        assert await desk.names("ann@example.com") == ["acme"] and await desk.names("bob@example.com") == []
        assert await desk.registry.addresses.replace(replace(now, epoch=3, seq=1, hashes=[bob, bob]))
        assert await desk.names("bob@example.com") == ["acme"]


async def test_the_edge_answers_everybody_alike_and_the_owner_of_the_address_gets_mail(control_database: FreshDatabase) -> None:
    async with a_desk(control_database) as desk, an_edge(control_plane=desk.address) as edge, httpx.AsyncClient(base_url=edge.url) as web:
        for name, workspace_id in (("acme", "T1234567890"), ("globex", "T1234567891")):
            await desk.workspace(workspace_id, name)
            await desk.registry.addresses.replace(Report(WorkspaceId(workspace_id), 1, 1, [address_hash("ann@example.com")]))
        path = "/api/signin.findWorkspaces"
        asked = [
            {"data": {"email": "nobody@example.com"}},
            {"data": {"email": "not an address"}},
            {"data": {"email": "x" * 300}},
            {"json": {"email": 7}},
            {"json": [1]},
            {"content": b"\xff", "headers": {"content-type": "application/json"}},
            {"data": {}},
            {"json": {"email": "Ann@example.com"}},
        ]
        replies = [await web.post(path, **arguments) for arguments in asked]  # type: ignore[arg-type]
        assert {(reply.status_code, reply.text) for reply in replies} == {(200, '{"ok":true}')}
        letter = await eventually(lambda: desk.mail.letters and desk.mail.letters[0], within_s=5, every_s=0.02)
        assert letter and letter.to == "Ann@example.com"
        assert "acme: https://chat.example/w/acme/\nglobex: https://chat.example/w/globex/" in letter.text
        for _ in range(5):
            await web.post(path, data={"email": "ann@example.com"})
        await desk.workspace("T1234567892", "last")
        await desk.registry.addresses.replace(Report(WorkspaceId("T1234567892"), 1, 1, [address_hash("eve@example.com")]))
        await web.post(path, data={"email": "eve@example.com"})
        await eventually(lambda: desk.mail.letters[-1].to == "eve@example.com", within_s=5, every_s=0.02)
        assert len(desk.mail.letters) == 4, "three an hour to one address, none to nobody"
        assert edge.forwarder.requests == [], "no cell is asked"


async def test_without_a_control_plane_the_edge_says_so() -> None:
    async with an_edge() as edge, httpx.AsyncClient(base_url=edge.url) as web:
        reply = await web.post("/api/signin.findWorkspaces", data={"email": "ann@example.com"})
        assert (reply.status_code, reply.json()["error"]) == (503, "service_unavailable")
