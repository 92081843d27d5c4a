"""Which cell owns which workspace, as this router knows it. In memory, one per process, used from the event loop alone."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from chassis.flags import FlagSet, Switchboard
from chassis.identity import CellName, WorkspaceId


@dataclass(frozen=True, slots=True)
class Route:
    workspace_id: WorkspaceId
    subdomain: str
    cell: CellName
    epoch: int
    state: str
    """active | suspended | gone"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    address: str
    """host:port of a cell process's gRPC server."""
    roles: tuple[str, ...]
    """api | gateway | worker"""
    process_id: str


@dataclass(frozen=True, slots=True)
class CellEntry:
    name: CellName
    region: str
    state: str
    """provisioning | active | draining | retired"""
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class RouteChange:
    """What one step of the table touched."""

    workspaces: frozenset[WorkspaceId]
    cells: frozenset[CellName]


Listener = Callable[[RouteChange], None]


class RouteTable:
    def __init__(self) -> None:
        self.registry_id = ""
        self.version = 0
        self._routes: dict[WorkspaceId, Route] = {}
        self._subdomains: dict[str, WorkspaceId] = {}
        self._cells: dict[CellName, CellEntry] = {}
        self.flags = Switchboard()
        """What operators switched off, of that which is the edge's."""
        self._listeners: list[Listener] = []

    def __len__(self) -> int:
        return len(self._routes)

    def get(self, workspace_id: WorkspaceId) -> Route | None:
        return self._routes.get(workspace_id)

    def by_subdomain(self, name: str) -> Route | None:
        found = self._subdomains.get(name)
        return None if found is None else self._routes.get(found)

    def cell(self, name: CellName) -> CellEntry | None:
        return self._cells.get(name)

    def routes(self) -> Iterator[Route]:
        return iter(self._routes.values())

    def cells(self) -> tuple[CellEntry, ...]:
        return tuple(self._cells.values())

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after every change, synchronously; it must not raise. Returns what takes it off again."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def replace(self, registry_id: str, version: int, routes: Iterable[Route], cells: Iterable[CellEntry]) -> None:
        """Take a whole snapshot. What a cell taught us (a higher epoch) outlives a snapshot of the same registry."""
        before, before_cells = self._routes, self._cells
        kept = before if registry_id == self.registry_id else {}
        self._routes, self._subdomains = {}, {}
        self._cells = {c.name: c for c in cells if c.state != "retired"}
        for route in routes:
            self._put(_newer(kept.get(route.workspace_id), route))
        self.registry_id, self.version = registry_id, version
        touched = {w for w, r in self._routes.items() if before.get(w) != r} | (before.keys() - self._routes.keys())
        touched_cells = {n for n in before_cells.keys() | self._cells.keys() if before_cells.get(n) != self._cells.get(n)}
        self._announce(touched, touched_cells)

    def apply(self, version: int, routes: Iterable[Route], cells: Iterable[CellEntry]) -> None:
        """Take a delta; one at or below the version held may come again and changes nothing but what is newer."""
        workspaces, names = set(), set()
        for route in routes:
            self._put(_newer(self._routes.get(route.workspace_id), route))
            workspaces.add(route.workspace_id)
        for cell in cells:
            self._put_cell(cell)
            names.add(cell.name)
        self.version = max(self.version, version)
        self._announce(workspaces, names)

    def add(self, route: Route) -> None:
        """One route from outside the stream of versions (Resolve)."""
        self.apply(0, (route,), ())

    def take_flags(self, held: FlagSet) -> None:
        """All of them, in place of those held; listeners hear of it, so that it is kept on disk."""
        if held != self.flags.held:
            self.flags.take(held)
            self._tell(RouteChange(frozenset(), frozenset()))

    def learn(self, workspace_id: WorkspaceId, cell: CellName, epoch: int) -> bool:
        """A cell said that the workspace is at `cell` since `epoch`; believed only when that is newer than what is held."""
        held = self._routes.get(workspace_id)
        if held is None or epoch <= held.epoch or not cell:
            return False
        self._routes[workspace_id] = Route(workspace_id, held.subdomain, cell, epoch, held.state)
        self._announce({workspace_id}, set())
        return True

    def _put(self, route: Route) -> None:
        held = self._routes.get(route.workspace_id)
        if held is not None and self._subdomains.get(held.subdomain) == route.workspace_id:
            del self._subdomains[held.subdomain]
        if route.state == "gone":
            self._routes.pop(route.workspace_id, None)
            return
        self._routes[route.workspace_id] = route
        self._subdomains[route.subdomain] = route.workspace_id

    def _put_cell(self, cell: CellEntry) -> None:
        if cell.state == "retired":
            self._cells.pop(cell.name, None)
        else:
            self._cells[cell.name] = cell

    def _announce(self, workspaces: set[WorkspaceId], cells: set[CellName]) -> None:
        if not (workspaces or cells):
            return
        self._tell(RouteChange(frozenset(workspaces), frozenset(cells)))

    def _tell(self, change: RouteChange) -> None:
        for listener in tuple(self._listeners):
            listener(change)


def _newer(held: Route | None, route: Route) -> Route:
    """The one with the higher epoch; at the same epoch the registry's word (its state may have changed)."""
    if held is None or route.epoch >= held.epoch:
        return route
    return Route(route.workspace_id, route.subdomain, held.cell, held.epoch, route.state)
