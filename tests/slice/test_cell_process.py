"""`python -m cells.app` as a real process: it needs its database, no control plane, and leaves cleanly."""

import asyncio
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.identity import make_workspace_id
from chassis.rpc import channel, create_credential_file, listen, server
from control_plane.provision.processes import free_port
from protos.cell.v1 import cell_pb2, cell_pb2_grpc
from protos.directory.v1 import directory_pb2, directory_pb2_grpc
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
STOP_S = 15


@dataclass
class Started:
    process: asyncio.subprocess.Process
    listen: str
    health: str
    credential: str

    async def readiness(self) -> str:
        return await asyncio.to_thread(self._get, "/readyz")

    def _get(self, path: str) -> str:
        try:
            reply = urllib.request.urlopen(f"http://{self.health}{path}", timeout=2)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            return str(reply.read().decode())

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            _, said = await self.process.communicate()
        print(said.decode()[-4000:])  # shown where a test fails
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def started(tmp_path: Path, database_url: str, **more: str) -> AsyncIterator[Started]:
    token_file = tmp_path / "token"
    credential = create_credential_file(token_file)
    ports = free_port(), free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WAGGLE_")},
        "WAGGLE_CELL_NAME": "cell-1",
        "WAGGLE_CELL_LISTEN": f"127.0.0.1:{ports[0]}",
        "WAGGLE_CELL_HEALTH": f"127.0.0.1:{ports[1]}",
        "WAGGLE_CELL_DATABASE_URL": database_url,
        "WAGGLE_CLUSTER_TOKEN_FILE": str(token_file),
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cells.app", cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield Started(process, f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", credential)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_serves_without_redis_or_control_plane_and_leaves_with_0(cell_database: FreshDatabase, tmp_path: Path) -> None:
    gone = {"WAGGLE_CELL_CONTROL_PLANE": f"127.0.0.1:{free_port()}", "WAGGLE_CELL_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    async with started(tmp_path, cell_database.app_url, **gone) as cell:
        await eventually(lambda: ready(cell))
        workspace_id = make_workspace_id()
        async with channel(cell.listen, cell.credential) as line:
            reply = await admit(line, workspace_id)
        assert set(json.loads(reply.result)["tokens"]) == {"owner", "bot"}
        assert await cell.stop() == 0


async def ready(cell: Started) -> bool:
    return await cell.readiness() == "ok\n"


async def admit(line: grpc.aio.Channel, workspace_id: str) -> cell_pb2.AdmitReply:
    request = cell_pb2.AdmitRequest(
        workspace_id=workspace_id, name="acme", subdomain="acme", epoch=1, arguments=json.dumps({"owner_email": "o@acme.example"})
    )
    stub: Any = cell_pb2_grpc.CellStub(line)
    reply: cell_pb2.AdmitReply = await stub.Admit(request)
    return reply


async def test_it_waits_for_its_database_and_stops_while_it_waits(tmp_path: Path) -> None:
    async with started(tmp_path, f"postgresql://waggle_app@127.0.0.1:{free_port()}/waggle") as cell:
        await eventually(lambda: waiting_for_database(cell))
        assert await cell.stop() == 0


async def waiting_for_database(cell: Started) -> bool:
    return (await cell.readiness()).startswith("waiting for the database")


async def test_it_refuses_to_serve_as_a_role_that_bypasses_isolation(cell_database: FreshDatabase, tmp_path: Path) -> None:
    async with started(tmp_path, cell_database.owner_url) as cell:
        _, said = await asyncio.wait_for(cell.process.communicate(), 20)
        assert cell.process.returncode == 2
        last = said.decode().strip().splitlines()[-1]
        assert last.startswith("WAGGLE_CELL_DATABASE_URL:") and "row-level security" in last


async def test_a_settings_mistake_is_one_line(cell_database: FreshDatabase, tmp_path: Path) -> None:
    async with started(tmp_path, cell_database.app_url, WAGGLE_CELL_ROLE="both") as cell:
        _, said = await asyncio.wait_for(cell.process.communicate(), 20)
    assert (cell.process.returncode, len(said.decode().strip().splitlines())) == (2, 1) and "WAGGLE_CELL_ROLE: 'both'" in said.decode()


class Registration(directory_pb2_grpc.RegistrationServicer):
    def __init__(self) -> None:
        self.heard: list[directory_pb2.HeartbeatRequest] = []

    async def Heartbeat(self, request: directory_pb2.HeartbeatRequest, context: Any) -> directory_pb2.HeartbeatReply:
        self.heard.append(request)
        return directory_pb2.HeartbeatReply(interval_ms=100)

    async def ReportAddresses(self, request: directory_pb2.ReportAddressesRequest, context: Any) -> directory_pb2.ReportAddressesReply:
        return directory_pb2.ReportAddressesReply()

    async def ReportLoads(self, request: directory_pb2.ReportLoadsRequest, context: Any) -> directory_pb2.ReportLoadsReply:
        return directory_pb2.ReportLoadsReply()

    async def Flags(self, request: directory_pb2.FlagsRequest, context: Any) -> AsyncIterator[directory_pb2.FlagSet]:
        yield directory_pb2.FlagSet()


async def test_it_makes_itself_known_again_and_again_and_says_when_it_leaves(cell_database: FreshDatabase, tmp_path: Path) -> None:
    registration = Registration()
    rpc = server(create_credential_file(tmp_path / "token"))
    directory_pb2_grpc.add_RegistrationServicer_to_server(registration, rpc)
    port = listen(rpc, "127.0.0.1:0")
    await rpc.start()
    try:
        async with started(tmp_path, cell_database.app_url, WAGGLE_CELL_CONTROL_PLANE=f"127.0.0.1:{port}") as cell:
            await eventually(lambda: len(registration.heard) >= 3)
            async with channel(cell.listen, cell.credential) as line:
                await admit(line, make_workspace_id())
            await eventually(lambda: registration.heard[-1].load.workspaces == 1)
            beat = registration.heard[-1]
            assert (beat.cell, beat.endpoint.address, list(beat.endpoint.roles)) == ("cell-1", cell.listen, ["api", "gateway", "worker"])
            assert beat.load.database_bytes > 1_000_000 and beat.schema_revision and not beat.draining
            assert beat.vitals.ready and 0 < beat.vitals.interval_s < 30 and beat.vitals.requests == beat.vitals.wal_retained_bytes == 0
            assert await cell.stop() == 0
        assert registration.heard[-1].draining and not registration.heard[-1].vitals.ready
    finally:
        await rpc.stop(None)
