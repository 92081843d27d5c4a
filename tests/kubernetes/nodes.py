"""Cells whose processes are pods of a cluster that nobody starts: what each would say to the control plane is said for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from protos.directory.v1 import directory_pb2
from tests.harness.control import ControlPlane
from tests.kubernetes.conftest import World

BEAT_S = 0.2
REQUESTS = 40


@dataclass
class Speaking:
    """`failing`: versions whose processes answer every request with an error."""

    worlds: Sequence[World]
    control: ControlPlane
    failing: frozenset[str] = frozenset()
    _heard: dict[str, World] = field(default_factory=dict)

    async def once(self) -> None:
        now = {pod["metadata"]["name"]: (world, pod) for world in self.worlds for pod in await asyncio.to_thread(_ready, world)}
        for name in self._heard.keys() - now.keys():
            world = self._heard.pop(name)
            await self.control.heartbeat(world.cell, f"{name}:1", name, draining=True)
        for name, (world, pod) in now.items():
            self._heard[name] = world
            version = pod["spec"]["containers"][0]["image"].rpartition(":")[2]
            errors = REQUESTS if version in self.failing else 0
            vitals = directory_pb2.Vitals(interval_s=2.0, requests=REQUESTS, errors=errors, p50_ms=5, p99_ms=20, ready=True)
            await self.control.heartbeat(world.cell, f"{name}:1", name, version=version, schema_revision="1", vitals=vitals)

    async def run(self) -> None:
        while True:
            await self.once()
            await asyncio.sleep(BEAT_S)


def _ready(world: World) -> list[dict[str, Any]]:
    found: Iterator[dict[str, Any]] = world.cluster.list("v1", "Pod", world.namespace, labels="app=api")
    return [pod for pod in found if pod["status"].get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")]


@asynccontextmanager
async def speaking(worlds: Sequence[World], control: ControlPlane, failing: frozenset[str] = frozenset()) -> AsyncIterator[None]:
    """Every one of them has been heard of by then."""
    said = Speaking(worlds, control, failing)
    await said.once()
    task = asyncio.create_task(said.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
