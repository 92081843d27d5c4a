"""A token that is taken back takes its sockets along, in every process, within a second; nothing opens with it afterwards."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from cells.chat.workload import chat
from cells.runtime.bus import Bus, Claims
from cells.runtime.gateway import CloseCode, Gateway, open_gateway
from cells.runtime.jobs import DueWork
from cells.runtime.log import LoggedTenant, Tenants
from cells.runtime.tenancy import TenancyTable
from cells.runtime.workload import Workload
from chassis.clock import SystemClock
from protos.tunnel.v1 import tunnel_pb2
from tests.harness.chat import ChatClient, Workspace, a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.recorder import Client, RecordingLink
from tests.harness.workspaces import a_log, execute

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Process:
    """One of a cell's, with what it remembers of tokens and sockets."""

    workload: Workload
    gateway: Gateway
    tenants: Tenants

    def tenant(self, acme: Workspace) -> LoggedTenant:
        return self.tenants.require(acme.scope.workspace_id, acme.scope.epoch)

    def client(self, acme: Workspace, of: ChatClient) -> ChatClient:
        return ChatClient(self.workload.app, self.tenant(acme), of.token, of.user_id)


@asynccontextmanager
async def processes(database: FreshDatabase, redis_url: str, count: int) -> AsyncIterator[Sequence[Process]]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            bus = Bus(redis_url)
            await stack.enter_async_context(bus.running())
            rows, log = await stack.enter_async_context(a_log(database.app_url, bus))
            table = TenancyTable(rows)
            await table.refresh()
            tenants, workload = Tenants(table, rows, log), chat(clock, Claims(bus, clock))
            assert workload.sessions is not None
            gateway = await stack.enter_async_context(open_gateway(sessions=workload.sessions, tenants=tenants, clock=clock))
            found.append(Process(workload, gateway, tenants))
        yield found


async def connect(process: Process, acme: Workspace, client: ChatClient, *, url: str = "") -> Client:
    url = url or (await process.client(acme, client).call("rtm.connect"))["url"]
    link, socket = RecordingLink(process.gateway), Client(client.user_id)
    link.sessions[1] = socket
    path = url.removeprefix("ws://chat.test:8080").encode()
    await process.gateway.on_open(link, 1, tunnel_pb2.Open(workspace_id=acme.scope.workspace_id, epoch=acme.scope.epoch, path=path))
    return socket


async def test_revoking_works_in_another_process_within_a_second(cell_database: FreshDatabase, redis_url: str) -> None:
    async with a_chat(cell_database) as first:
        acme = await first.found("acme")
        ann = await acme.add("ann")
        other = await acme.command("token.create", user=ann.user_id)
        spare = acme.client(other["token"], ann.user_id)
        async with processes(cell_database, redis_url, 2) as (here, there):
            sockets = [await connect(process, acme, ann) for process in (here, there)]
            staying = await connect(there, acme, spare)
            ticket = (await there.client(acme, ann).call("rtm.connect"))["url"]
            assert [socket.closed for socket in (*sockets, staying)] == [0, 0, 0] and sockets[0].state
            began_s = time.monotonic()
            assert await here.client(acme, ann).call("auth.revoke") == {"ok": True, "revoked": True}
            assert (await here.client(acme, ann).call("auth.test"))["error"] == "token_revoked"

            async def over() -> bool:
                refused = (await there.client(acme, ann).call("auth.test")).get("error") == "token_revoked"
                return refused and all(socket.closed == CloseCode.EXPIRED for socket in sockets)

            await eventually(over, within_s=5, every_s=0.02)
            assert time.monotonic() - began_s < 1.0
            assert staying.closed == 0 and (await there.client(acme, spare).call("auth.test"))["ok"]
            late = await connect(there, acme, ann, url=ticket)
            assert late.refused is not None and late.refused.status == 403, "a ticket from before does not open"
            again = await resumed(there, acme, sockets[0])
            assert again.refused is not None or again.closed, "nor does the session from before"


async def resumed(process: Process, acme: Workspace, socket: Client) -> Client:
    link, again = RecordingLink(process.gateway), replace(socket, closed=0)
    await link.open(again, acme.scope)
    return again


async def test_a_person_who_is_switched_off_is_out_at_once_and_comes_back_with_new_tokens(
    cell_database: FreshDatabase, redis_url: str
) -> None:
    async with a_chat(cell_database) as first:
        acme = await first.found("acme")
        ann, bob = await acme.add("ann"), await acme.add("bob")
        async with processes(cell_database, redis_url, 2) as (here, there):
            socket, watching = await connect(there, acme, ann), await connect(there, acme, bob)
            assert (await here.client(acme, acme.owner).call("admin.users.remove", user_id=ann.user_id))["ok"]
            await eventually(lambda: socket.closed == CloseCode.EXPIRED, within_s=1, every_s=0.02)
            await eventually(lambda: any('"user_change"' in text and '"deleted":true' in text for text in watching.received), within_s=1)
            assert (await here.client(acme, ann).call("auth.test"))["error"] == "account_inactive"
            assert (await here.client(acme, acme.owner).call("users.info", user=ann.user_id))["user"]["deleted"] is True
            assert (await here.client(acme, acme.owner).call("admin.users.restore", user_id=ann.user_id))["ok"]
            assert (await here.client(acme, ann).call("auth.test"))["error"] == "token_revoked"
            fresh = await acme.command("token.create", user=ann.user_id)
            assert (await acme.client(fresh["token"]).call("auth.test"))["ok"]


async def test_a_token_whose_time_is_over_takes_its_sockets_along(cell_database: FreshDatabase, redis_url: str) -> None:
    async with a_chat(cell_database) as first:
        acme = await first.found("acme")
        made = await acme.command("token.create", expires_in=60)
        client = acme.client(made["token"], made["user_id"])
        async with processes(cell_database, redis_url, 1) as (here,):
            socket, staying = await connect(here, acme, client), await connect(here, acme, acme.owner)
            for what in ("tokens SET expires_us = 1 WHERE expires_us > 0", "due SET due_us = 1 WHERE name = 'token_ends'"):
                await execute(cell_database.owner_url, f"UPDATE {what} AND workspace_id = $1", acme.scope.workspace_id)
            clock = SystemClock()
            await DueWork(here.workload.due, acme.tenant.database, acme.tenant.log, clock).step()
            await eventually(lambda: socket.closed == CloseCode.EXPIRED, within_s=2, every_s=0.02)
            assert staying.closed == 0

            async def over() -> bool:
                return bool((await here.client(acme, client).call("auth.test")).get("error") == "token_expired")

            await eventually(over, within_s=2)
