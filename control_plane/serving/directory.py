"""Directory: a snapshot or what was missed, then each change, to every router; nobody waits for a slow one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import structlog

from control_plane.registry import DATABASE_AWAY
from control_plane.serving.acknowledgements import Acknowledgements, Follow
from control_plane.serving.finding import WorkspaceFinder
from control_plane.serving.view import DirectoryView
from protos.directory.v1 import directory_pb2, directory_pb2_grpc

GREETING_S_MAX = 10.0
LOADED_S_MAX = 30.0
NAME_CHARACTERS_MAX = 200

Requests = AsyncIterator[directory_pb2.WatchRequest]
Context = grpc.aio.ServicerContext[Any, Any]
log = structlog.get_logger("control_plane.directory")


class DirectoryService(directory_pb2_grpc.DirectoryServicer):
    def __init__(
        self,
        view: DirectoryView,
        catch_up: Callable[[], Awaitable[None]],
        acknowledgements: Acknowledgements,
        finder: WorkspaceFinder | None = None,
    ) -> None:
        """`catch_up`: until the view holds all that was committed before the call; raises DATABASE_AWAY."""
        self._view = view
        self._catch_up = catch_up
        self._finder = finder
        self._acknowledgements = acknowledgements

    async def Watch(self, request_iterator: Requests, context: Context) -> AsyncIterator[directory_pb2.RouteChanges]:
        greeting = await _greeting(request_iterator, context)
        await self._wait_loaded(context)
        same = greeting.registry_id == self._view.registry_id and greeting.version <= self._view.version
        follow = Follow(greeting.router_id, greeting.address, greeting.version if same else 0)
        log.info("router_follows", router=follow.router_id, held=follow.version)
        with self._acknowledgements.following(follow):
            acknowledging = asyncio.create_task(_acknowledging(request_iterator, follow))
            try:
                async for changes in self._changes(greeting.registry_id, greeting.version):
                    yield changes
            finally:
                acknowledging.cancel()

    async def _changes(self, registry_id: str, held: int) -> AsyncIterator[directory_pb2.RouteChanges]:
        """Each router at its own pace: a slow one gets several changes as one."""
        while True:
            # The first difference goes out even when it is empty: it tells the router that it is up to date.
            difference = self._view.difference(registry_id, held)
            for chunk in difference.chunks():
                yield chunk
                await asyncio.sleep(0)
            registry_id, held = difference.registry_id, difference.version
            await self._view.wait_beyond(held)

    async def Resolve(self, request: directory_pb2.ResolveRequest, context: Context) -> directory_pb2.ResolveReply:
        """What the view lacks may have been made elsewhere a moment ago: it is looked for before "there is none", which logs people out."""
        await self._wait_loaded(context)
        found = self._route(request)
        if found is None:
            await self._caught_up(context)
            found = self._route(request)
        return directory_pb2.ResolveReply(found=found is not None, route=found)

    def _route(self, request: directory_pb2.ResolveRequest) -> directory_pb2.Route | None:
        return self._view.route(workspace_id=request.workspace_id, subdomain=request.subdomain)

    async def _caught_up(self, context: Context) -> None:
        try:
            await self._catch_up()
        except DATABASE_AWAY:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not held here, and the database is away")

    async def FindWorkspaces(self, request: directory_pb2.FindWorkspacesRequest, context: Context) -> directory_pb2.FindWorkspacesReply:
        if self._finder is None or not self._finder.ask(request.email):
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many questions wait")
        return directory_pb2.FindWorkspacesReply()

    async def _wait_loaded(self, context: Context) -> None:
        """An empty view is no answer: a router would take it for a registry without workspaces."""
        try:
            async with asyncio.timeout(LOADED_S_MAX):
                await self._view.wait_beyond(0)
        except TimeoutError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the directory is not loaded yet")


async def _greeting(requests: Requests, context: Context) -> directory_pb2.WatchRequest:
    try:
        async with asyncio.timeout(GREETING_S_MAX):
            greeting = await anext(requests)
    except (TimeoutError, StopAsyncIteration):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the first message of a watch did not come")
    if not greeting.router_id or max(len(greeting.router_id), len(greeting.address)) > NAME_CHARACTERS_MAX:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"router_id must have 1 to {NAME_CHARACTERS_MAX} characters")
    return greeting


async def _acknowledging(requests: Requests, follow: Follow) -> None:
    async for request in requests:
        follow.acknowledge(request.version)
