"""Routes that the table does not hold: asked of the control plane, one question at a time for each name, misses remembered."""

import asyncio
from collections import OrderedDict

import grpc

from chassis.clock import Clock
from chassis.identity import CellName, WorkspaceId
from protos.directory.v1 import directory_pb2, directory_pb2_grpc
from router.routes.table import Route, RouteTable

MISSES_MAX = 10_000
MISS_S = 5.0
ASKING_MAX = 64
RESOLVE_TIMEOUT_S = 1.0
NAME_CHARACTERS_MAX = 64


class DirectoryUnavailable(Exception):
    """The table does not hold the name and the control plane cannot be asked now."""


class Misses:
    """Names known to be unknown; bounded in number and in time."""

    def __init__(self, clock: Clock, *, entries_max: int = MISSES_MAX, miss_s: float = MISS_S) -> None:
        self._clock = clock
        self._entries_max = entries_max
        self._miss_s = miss_s
        self._until: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, name: str) -> bool:
        until = self._until.get(name)
        if until is None:
            return False
        if until > self._clock.monotonic_s():
            return True
        del self._until[name]
        return False

    def add(self, name: str) -> None:
        self._until[name] = self._clock.monotonic_s() + self._miss_s
        self._until.move_to_end(name)
        while len(self._until) > self._entries_max:
            self._until.popitem(last=False)


class Resolver:
    """Finds a route: the table first, then what is known to be missing, then `Directory.Resolve`."""

    def __init__(self, table: RouteTable, channel: grpc.aio.Channel, clock: Clock) -> None:
        self._table = table
        self._stub = directory_pb2_grpc.DirectoryStub(channel)
        self._misses = Misses(clock)
        self._asking: dict[str, asyncio.Task[Route | None]] = {}

    async def by_id(self, workspace_id: WorkspaceId) -> Route | None:
        """Raises DirectoryUnavailable."""
        found = self._table.get(workspace_id)
        if found is not None:
            return found
        return await self._ask(workspace_id, directory_pb2.ResolveRequest(workspace_id=workspace_id))

    async def by_subdomain(self, name: str) -> Route | None:
        """Raises DirectoryUnavailable."""
        found = self._table.by_subdomain(name)
        if found is not None:
            return found
        return await self._ask("/" + name, directory_pb2.ResolveRequest(subdomain=name))

    def any(self) -> Route | None:
        """Some workspace that is served, for what is the same in all of them."""
        return next((route for route in self._table.routes() if route.state == "active"), None)

    async def find_workspaces(self, email: str) -> None:
        """Have the owner of the address told by mail where it is. Raises DirectoryUnavailable where the question was not taken."""
        try:
            await self._stub.FindWorkspaces(directory_pb2.FindWorkspacesRequest(email=email), timeout=RESOLVE_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise DirectoryUnavailable(error.code().name) from error

    async def _ask(self, key: str, request: directory_pb2.ResolveRequest) -> Route | None:
        if key in self._misses or len(key) > NAME_CHARACTERS_MAX:
            return None
        task = self._asking.get(key)
        if task is None:
            if len(self._asking) >= ASKING_MAX:
                raise DirectoryUnavailable("too many unknown workspaces at once")
            task = self._asking[key] = asyncio.create_task(self._resolve(key, request))
            task.add_done_callback(lambda done: self._on_answer(key, done))
        return await asyncio.shield(task)

    def _on_answer(self, key: str, task: asyncio.Task[Route | None]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waits gets it; when nobody is left to wait it is not news

    async def _resolve(self, key: str, request: directory_pb2.ResolveRequest) -> Route | None:
        try:
            reply = await self._stub.Resolve(request, timeout=RESOLVE_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise DirectoryUnavailable(error.code().name) from error
        if not reply.found or reply.route.state == "gone":
            self._misses.add(key)
            return None
        self._table.add(route_of(reply.route))
        return self._table.get(WorkspaceId(reply.route.workspace_id))


def route_of(wire: directory_pb2.Route) -> Route:
    return Route(WorkspaceId(wire.workspace_id), wire.subdomain, CellName(wire.cell), wire.epoch, wire.state)
