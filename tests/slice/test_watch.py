"""A router's routes from a real control plane's stream, and from disk without one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from chassis.backoff import Backoff
from chassis.clock import SystemClock
from chassis.identity import CellName, WorkspaceId
from protos.directory.v1 import directory_pb2, directory_pb2_grpc
from router.routes.resolve import DirectoryUnavailable, Misses, Resolver
from router.routes.snapshot import Snapshot, SnapshotKeeper, SnapshotStore
from router.routes.table import Route, RouteTable
from router.routes.watch import DirectoryWatch
from tests.harness.eventually import eventually

pytestmark = pytest.mark.anyio
QUICK = Backoff(first_s=0.01, limit_s=0.05)
Changes = directory_pb2.RouteChanges


def wire(n: int, cell: str = "cell-1", epoch: int = 1, state: str = "active") -> directory_pb2.Route:
    return directory_pb2.Route(workspace_id=f"T{n:010}", subdomain=f"name-{n}", cell=cell, epoch=epoch, state=state)


def route(n: int, cell: str = "cell-1", epoch: int = 1) -> Route:
    return Route(WorkspaceId(f"T{n:010}"), f"name-{n}", CellName(cell), epoch, "active")


CELL = directory_pb2.Cell(
    name="cell-1", region="local", state="active", endpoints=[directory_pb2.Endpoint(address="127.0.0.1:1", roles=["api"], process_id="p")]
)


class ScriptedDirectory(directory_pb2_grpc.DirectoryServicer):
    """Says on each stream what the test puts in `says`, and remembers what it hears."""

    def __init__(self) -> None:
        self.says: asyncio.Queue[Changes | None] = asyncio.Queue()
        self.greetings: list[directory_pb2.WatchRequest] = []
        self.acknowledged: list[int] = []
        self.resolvable: dict[str, directory_pb2.Route] = {}
        self.resolved: list[str] = []

    async def Watch(self, requests, context):  # type: ignore[no-untyped-def]
        self.greetings.append(await anext(requests))
        hearing = asyncio.create_task(self._hear(requests))
        try:
            while (changes := await self.says.get()) is not None:
                yield changes
        finally:
            hearing.cancel()

    async def _hear(self, requests: AsyncIterator[directory_pb2.WatchRequest]) -> None:
        async for request in requests:
            self.acknowledged.append(request.version)

    async def Resolve(self, request, context):  # type: ignore[no-untyped-def]
        name = request.workspace_id or request.subdomain
        self.resolved.append(name)
        found = self.resolvable.get(name)
        return directory_pb2.ResolveReply(found=found is not None, route=found)

    async def FindWorkspaces(self, request, context):  # type: ignore[no-untyped-def]
        raise NotImplementedError("no test here looks for workspaces")


@contextlib.asynccontextmanager
async def a_directory() -> AsyncIterator[tuple[ScriptedDirectory, grpc.aio.Channel]]:
    directory = ScriptedDirectory()
    server = grpc.aio.server()
    directory_pb2_grpc.add_DirectoryServicer_to_server(directory, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield directory, channel
    finally:
        await server.stop(None)


@contextlib.asynccontextmanager
async def watching(table: RouteTable, channel: grpc.aio.Channel) -> AsyncIterator[DirectoryWatch]:
    watch = DirectoryWatch(table, channel, router_id="r1", address="127.0.0.1:9", backoff=QUICK)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def snapshot(version: int, *routes: directory_pb2.Route, last: bool = True, registry: str = "reg") -> Changes:
    return Changes(registry_id=registry, version=version, snapshot=True, last=last, routes=routes, cells=[CELL])


def delta(version: int, *routes: directory_pb2.Route, registry: str = "reg") -> Changes:
    return Changes(registry_id=registry, version=version, routes=routes)


async def test_snapshot_then_deltas_each_acknowledged() -> None:
    table = RouteTable()
    async with a_directory() as (directory, channel), watching(table, channel) as watch:
        directory.says.put_nowait(snapshot(5, wire(1), last=False))
        directory.says.put_nowait(snapshot(5, wire(2)))
        directory.says.put_nowait(delta(6, wire(1, "cell-2", 2)))
        directory.says.put_nowait(delta(7, wire(2, state="gone", epoch=2), wire(3)))
        await eventually(lambda: directory.acknowledged == [5, 6, 7])
        assert watch.synced.is_set()
        assert table.get(WorkspaceId(f"T{1:010}")) == route(1, "cell-2", 2)
        assert table.by_subdomain("name-2") is None
        assert table.by_subdomain("name-3") == route(3)
        cell = table.cell(CellName("cell-1"))
        assert cell is not None
        assert cell.endpoints[0].address == "127.0.0.1:1"
        (greeting,) = directory.greetings
        assert (greeting.router_id, greeting.registry_id, greeting.version, greeting.address) == ("r1", "", 0, "127.0.0.1:9")


async def test_nothing_is_applied_before_the_last_chunk() -> None:
    table = RouteTable()
    table.replace("reg", 3, [route(9)], [])
    async with a_directory() as (directory, channel), watching(table, channel):
        directory.says.put_nowait(snapshot(5, wire(1), last=False))
        directory.says.put_nowait(None)  # the stream ends in the middle
        directory.says.put_nowait(snapshot(6, wire(2)))
        await eventually(lambda: table.version == 6)
        assert [held.subdomain for held in table.routes()] == ["name-2"]


async def test_comes_back_with_the_version_it_holds() -> None:
    table = RouteTable()
    async with a_directory() as (directory, channel), watching(table, channel):
        directory.says.put_nowait(snapshot(5, wire(1)))
        directory.says.put_nowait(None)
        directory.says.put_nowait(delta(6, wire(2)))
        await eventually(lambda: table.version == 6)
        assert (directory.greetings[1].registry_id, directory.greetings[1].version) == ("reg", 5)
        assert len(table) == 2


async def test_delta_of_another_registry_starts_afresh() -> None:
    table = RouteTable()
    async with a_directory() as (directory, channel), watching(table, channel):
        directory.says.put_nowait(snapshot(5, wire(1)))
        directory.says.put_nowait(delta(2, wire(2), registry="restored"))
        await eventually(lambda: len(directory.greetings) == 2)
        assert (directory.greetings[1].registry_id, directory.greetings[1].version) == ("", 0)
        directory.says.put_nowait(snapshot(2, wire(3), registry="restored"))
        await eventually(lambda: table.registry_id == "restored")
        assert [held.subdomain for held in table.routes()] == ["name-3"]


async def test_a_hundred_thousand_routes() -> None:
    table = RouteTable()
    async with a_directory() as (directory, channel), watching(table, channel):
        for start in range(0, 100_000, 5_000):
            chunk = (wire(n) for n in range(start, start + 5_000))
            directory.says.put_nowait(snapshot(1, *chunk, last=start == 95_000))
        await eventually(lambda: directory.acknowledged == [1])
        assert len(table) == 100_000
        assert table.by_subdomain("name-99999") == route(99_999)


def version_on_disk(store: SnapshotStore) -> int:
    held, table = store.load(), RouteTable()
    assert held is not None
    held.put_into(table)
    return table.version


async def test_control_plane_gone_starts_from_disk(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    async with a_directory() as (directory, channel):
        table = RouteTable()
        keeper = asyncio.create_task(SnapshotKeeper(table, store, interval_s=0.01).run())
        async with watching(table, channel):
            directory.says.put_nowait(snapshot(5, wire(1)))
            await eventually(lambda: store.current.exists())
            directory.says.put_nowait(delta(6, wire(1, "cell-2", 2)))
            await eventually(lambda: version_on_disk(store) == 6)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
    table = RouteTable()
    held = store.load()
    assert held is not None
    held.put_into(table)
    async with grpc.aio.insecure_channel("127.0.0.1:1") as nowhere, watching(table, nowhere) as watch:
        assert table.by_subdomain("name-1") == route(1, "cell-2", 2)
        assert (table.registry_id, table.version) == ("reg", 6)
        assert not watch.synced.is_set()


async def test_what_a_cell_taught_is_kept_on_disk(tmp_path: Path) -> None:
    table = RouteTable()
    store = SnapshotStore(tmp_path)
    table.replace("reg", 1, [route(1)], [])
    keeper = asyncio.create_task(SnapshotKeeper(table, store, interval_s=0.01).run())
    await asyncio.sleep(0)
    table.learn(WorkspaceId(f"T{1:010}"), CellName("cell-9"), 4)
    await eventually(lambda: store.current.exists())
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    assert store.load() == Snapshot("reg", 1, (), (route(1, "cell-9", 4),))


async def test_resolver_asks_once_and_remembers() -> None:
    table = RouteTable()
    async with a_directory() as (directory, channel):
        resolver = Resolver(table, channel, SystemClock())
        directory.resolvable["name-7"] = wire(7)
        both = await asyncio.gather(resolver.by_subdomain("name-7"), resolver.by_subdomain("name-7"))
        assert list(both) == [route(7), route(7)]
        assert await resolver.by_id(WorkspaceId(f"T{7:010}")) == route(7)
        assert directory.resolved == ["name-7"]


async def test_resolver_remembers_what_is_not_there_until_it_is() -> None:
    table = RouteTable()
    async with a_directory() as (directory, channel):
        resolver = Resolver(table, channel, SystemClock())
        assert await resolver.by_subdomain("name-1") is None
        assert await resolver.by_subdomain("name-1") is None
        assert directory.resolved == ["name-1"]
        table.apply(2, [route(1)], [])
        assert await resolver.by_subdomain("name-1") == route(1)


async def test_resolver_without_a_control_plane_says_so() -> None:
    async with grpc.aio.insecure_channel("127.0.0.1:1") as nowhere:
        with pytest.raises(DirectoryUnavailable):
            await Resolver(RouteTable(), nowhere, SystemClock()).by_subdomain("name-1")


class HandClock:
    at_s = 0.0

    def now_us(self) -> int:
        return int(self.at_s * 1_000_000)

    def monotonic_s(self) -> float:
        return self.at_s


def test_misses_are_bounded_in_number_and_time() -> None:
    clock = HandClock()
    misses = Misses(clock, entries_max=100, miss_s=5.0)
    for n in range(1000):
        misses.add(str(n))
    assert len(misses) == 100
    assert "999" in misses
    assert "1" not in misses
    clock.at_s = 5.0
    assert "999" not in misses
