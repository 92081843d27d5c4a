"""Heartbeats against a registration that listens."""

from pathlib import Path

import pytest

from cells.app.heartbeat import Heartbeat
from chassis.rpc import channel, create_credential_file, listen, server
from protos.directory.v1 import directory_pb2, directory_pb2_grpc
from tests.harness.eventually import eventually
from tests.slice.test_cell_process import Registration

pytestmark = pytest.mark.anyio


async def test_a_process_that_leaves_does_not_come_back_while_it_drains(tmp_path: Path) -> None:
    registration, credential = Registration(), create_credential_file(tmp_path / "token")
    rpc = server(credential)
    directory_pb2_grpc.add_RegistrationServicer_to_server(registration, rpc)
    port = listen(rpc, "127.0.0.1:0")
    await rpc.start()
    line = channel(f"127.0.0.1:{port}", credential)
    heartbeat = Heartbeat(line, compose)
    async with heartbeat.beating():
        await eventually(lambda: bool(registration.heard))
        await heartbeat.leave()
        left = len(registration.heard)
        await eventually(lambda: len(registration.heard) > left + 1)
        assert all(beat.draining for beat in registration.heard[left - 1 :])
    await line.close(None)
    await rpc.stop(None)


async def compose(draining: bool) -> directory_pb2.HeartbeatRequest:
    return directory_pb2.HeartbeatRequest(cell="cell-1", draining=draining)
