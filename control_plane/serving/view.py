"""The directory in memory, ordered by version: routers are served from here and never wait for a database."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from prometheus_client import Gauge

from chassis.flags import FlagSet
from control_plane.registry import CellEntry, Changes, Route
from protos.directory.v1 import directory_pb2

ROUTES_PER_CHUNK = 5_000
MADE_AT_ONCE = 2_000

VERSION = Gauge("waggle_control_directory_version", "Version of the directory that this replica serves")
ROUTES = Gauge("waggle_control_routes", "Workspaces in the directory, the gone included")


@dataclass(frozen=True, slots=True)
class Difference:
    """What a router lacks. `snapshot`: it is to forget all it has first."""

    registry_id: str
    held: int
    version: int
    snapshot: bool
    routes: list[directory_pb2.Route]
    cells: list[directory_pb2.Cell]
    flags: directory_pb2.FlagSet | None = None

    def chunks(self) -> Iterator[directory_pb2.RouteChanges]:
        """At most 5,000 routes each; cells and flags in the first. Until the last one a delta speaks of the version held before."""
        starts = range(0, max(1, len(self.routes)), ROUTES_PER_CHUNK)
        for start in starts:
            last = start == starts[-1]
            yield directory_pb2.RouteChanges(
                registry_id=self.registry_id,
                version=self.version if last or self.snapshot else self.held,
                snapshot=self.snapshot,
                last=last,
                routes=self.routes[start : start + ROUTES_PER_CHUNK],
                cells=self.cells if start == 0 else (),
                flags=self.flags if start == 0 else None,
            )


class DirectoryView:
    """Messages are made once for a change and never altered, so a list of them is a snapshot."""

    def __init__(self) -> None:
        self.registry_id = ""
        self.version = 0
        # In order of version: a changed entry is taken out and put at the end.
        self._routes: dict[str, tuple[int, directory_pb2.Route]] = {}
        self._cells: dict[str, tuple[int, directory_pb2.Cell]] = {}
        self._names: dict[str, str] = {}
        self.flags = directory_pb2.FlagSet()
        self._changed = asyncio.Event()

    async def take(self, changes: Changes) -> None:
        """Take in what the registry says has changed since `version`; wakes everyone in `wait_beyond`.

        Messages are made a page at a time, others having their turn between; then all of it is seen at once.
        """
        made: list[tuple[Route, directory_pb2.Route]] = []
        for start in range(0, len(changes.routes), MADE_AT_ONCE):
            made.extend((route, _route(route)) for route in changes.routes[start : start + MADE_AT_ONCE])
            await asyncio.sleep(0)
        self._apply(changes, made)

    def _apply(self, changes: Changes, made: Iterable[tuple[Route, directory_pb2.Route]]) -> None:
        if changes.registry_id != self.registry_id:
            self._routes, self._cells, self._names = {}, {}, {}
        elif changes.version <= self.version:
            return
        for route, message in made:
            self._routes.pop(route.workspace_id, None)
            self._routes[route.workspace_id] = (route.version, message)
            self._names[route.subdomain] = route.workspace_id
        for cell in changes.cells:
            self._cells[cell.name] = (cell.version, _cell(cell))
        if changes.flags is not None:
            self.flags = _flags(changes.flags)
        self.registry_id, self.version = changes.registry_id, changes.version
        VERSION.set(self.version)
        ROUTES.set(len(self._routes))
        self._changed.set()
        self._changed = asyncio.Event()

    def difference(self, registry_id: str, held: int) -> Difference:
        """From what a router holds to what is; a snapshot when its version is none of this registry's."""
        if registry_id != self.registry_id or not 0 < held <= self.version:
            routes = [route for _, route in self._routes.values() if route.state != "gone"]
            return Difference(self.registry_id, 0, self.version, True, routes, [cell for _, cell in self._cells.values()], self.flags)
        newer = takewhile(lambda entry: entry[0] > held, reversed(self._routes.values()))
        routes = [route for _, route in newer]
        routes.reverse()
        cells = [cell for at, cell in self._cells.values() if at > held]
        return Difference(self.registry_id, held, self.version, False, routes, cells, self.flags if self.flags.version > held else None)

    async def wait_beyond(self, version: int) -> None:
        while self.version <= version:
            await self._changed.wait()

    def route(self, *, workspace_id: str = "", subdomain: str = "") -> directory_pb2.Route | None:
        """By id or by name; None if there is none, or no more."""
        _, found = self._routes.get(workspace_id or self._names.get(subdomain, ""), (0, None))
        return None if found is None or found.state == "gone" else found

    @property
    def loaded(self) -> bool:
        return self.version > 0


def _flags(held: FlagSet) -> directory_pb2.FlagSet:
    flags = [directory_pb2.Flag(name=word.name, cell=word.cell, workspace_id=word.workspace_id, on=word.on) for word in held.words]
    return directory_pb2.FlagSet(registry_id=held.registry_id, version=held.version, flags=flags)


def _route(route: Route) -> directory_pb2.Route:
    return directory_pb2.Route(
        workspace_id=route.workspace_id, subdomain=route.subdomain, cell=route.cell, epoch=route.epoch, state=route.state
    )


def _cell(cell: CellEntry) -> directory_pb2.Cell:
    endpoints = [directory_pb2.Endpoint(address=address, roles=roles, process_id=process) for address, roles, process in cell.endpoints]
    return directory_pb2.Cell(name=cell.name, region=cell.region, state=cell.state, endpoints=endpoints)
