"""Moves as the control plane is told them, by one process that stays: a command line for each would be half of what is measured."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench.setting import Setting
from chassis.rpc import channel
from control_plane.cli.home import running_platform
from protos.admin.v1 import admin_pb2, admin_pb2_grpc
from tests.chaos.move_census import Databases

CALL_S_MAX = 30.0
POLL_S = 0.2
"""Each look costs the control plane 3 ms of CPU; how long a move took is read off its row."""
ENDED = ("done", "undone", "rolled_back")


class MoveFailed(Exception):
    """It ended otherwise than was ordered."""


@dataclass(frozen=True)
class Orders:
    stub: "admin_pb2_grpc.AdminAsyncStub"
    databases: Databases

    async def start(self, workspace: str, cell: str, window_s: float = 0.0) -> admin_pb2.Move:
        return await self.stub.StartMove(admin_pb2.StartMoveRequest(workspace=workspace, cell=cell, window_s=window_s), timeout=CALL_S_MAX)

    async def rollback(self, move_id: str) -> admin_pb2.Move:
        return await self.stub.RollbackMove(admin_pb2.MoveRef(move=move_id), timeout=CALL_S_MAX)

    async def until(self, move_id: str, *states: str, within_s: float = 120.0) -> admin_pb2.Move:
        """Raises MoveFailed for a move that ended in another state, TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                move = await self.stub.ShowMove(admin_pb2.MoveRef(move=move_id), timeout=CALL_S_MAX)
                if move.state in states:
                    return move
                if move.state in ENDED:
                    raise MoveFailed(f"{move_id} was {move.state} at {move.step}: {move.problem}")
                await asyncio.sleep(POLL_S)

    async def move(self, workspace: str, cell: str) -> admin_pb2.Move:
        """There, and everything cleared up."""
        return await self.until((await self.start(workspace, cell)).move_id, "done")

    async def facts(self, move_id: str) -> dict[str, Any]:
        (row,) = await self.databases.fetch("control-plane", "SELECT facts FROM moves WHERE id = $1", move_id)
        facts: dict[str, Any] = json.loads(row["facts"])
        return facts


@asynccontextmanager
async def orders(setting: Setting) -> AsyncIterator[Orders]:
    platform = running_platform(setting.platform.home)
    async with channel(platform.control_plane, platform.credential) as line:
        yield Orders(admin_pb2_grpc.AdminStub(line), Databases(setting.platform.home))
