"""Walks the path of a workspace's requests, and says what is the first thing wrong on it."""

from dataclasses import dataclass

from control_plane.registry import Cell, CellState, Registry, Workspace, WorkspaceState
from control_plane.registry.states import UNFINISHED
from control_plane.serving.acknowledgements import Acknowledgements
from control_plane.serving.cell_doors import CellDoors
from control_plane.serving.refusals import CellAway, CellRefused, one_line
from protos.cell.v1 import cell_pb2

INSPECT_S_MAX = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Doctor:
    registry: Registry
    acknowledgements: Acknowledgements
    doors: CellDoors

    async def examine(self, workspace: Workspace) -> tuple[Check, ...]:
        """In the order of the path: registry, each router, the cell, and what the cell says of itself."""
        cell = await self.registry.cells.require(workspace.cell)
        return (_registry(workspace), *await self._routers(workspace, cell), _cell(cell), *await self._inside(workspace, cell))

    async def _routers(self, workspace: Workspace, cell: Cell) -> list[Check]:
        routers = await self.acknowledgements.everywhere(self.registry)
        if not routers:
            return [Check("router", False, "no router follows the directory")]
        needed = max(workspace.version, cell.version)
        return [_router(seen.router_id, seen.version, needed) for seen in routers]

    async def _inside(self, workspace: Workspace, cell: Cell) -> list[Check]:
        asked = cell_pb2.InspectRequest(workspace_id=workspace.id)
        try:
            seen = await self.doors.ask(cell, lambda door: door.Inspect(asked, timeout=INSPECT_S_MAX))
        except (CellAway, CellRefused) as error:
            return [Check("inspect", False, one_line(error))]
        checks = [Check(check.name, check.ok, check.detail) for check in seen.checks]
        sessions = Check("sessions", True, f"{seen.sessions} open")
        if any(check.name == "database" and not check.ok for check in checks):
            return [*checks, sessions]
        told = {check.name for check in checks}
        cursors = [] if "cursors" in told else _cursors(seen)
        return [*(check for check in checks if check.name != "tenancy"), _tenancy(workspace, seen), *cursors, sessions]


def verdict(workspace: Workspace, checks: tuple[Check, ...]) -> str:
    """One sentence: all is well, or the first thing that is wrong."""
    wrong = next((check for check in checks if not check.ok), None)
    if wrong is None and workspace.state != WorkspaceState.ACTIVE:
        return f"{workspace.subdomain} is {workspace.state}, and everything on its path agrees"
    if wrong is None:
        return f"all is well with {workspace.subdomain}: it is served by {workspace.cell} at epoch {workspace.epoch}"
    return f"{workspace.subdomain}: {wrong.name} is wrong: {wrong.detail}"


def _registry(workspace: Workspace) -> Check:
    detail = f"{workspace.state} in {workspace.cell} at epoch {workspace.epoch}, version {workspace.version}"
    if workspace.problem:
        detail += f"; {workspace.problem}"
    return Check("registry", workspace.state not in UNFINISHED, detail)


def _router(router_id: str, version: int, needed: int) -> Check:
    behind = "" if version >= needed else f", but the route needs {needed}"
    return Check(f"router {router_id}", version >= needed, f"has applied version {version}{behind}")


def _cell(cell: Cell) -> Check:
    if not cell.processes:
        return Check("cell", False, f"{cell.name} is {cell.state} and none of its processes was ever heard of")
    age_s = min(process.heartbeat_age_s for process in cell.processes)
    serving = cell.state in (CellState.ACTIVE, CellState.DRAINING)
    return Check("cell", serving and cell.healthy, f"{cell.name} is {cell.state}, last heard of {age_s:.1f} s ago")


_IN_CELL = {WorkspaceState.ACTIVE: "active", WorkspaceState.SUSPENDED: "suspended"}


def _tenancy(workspace: Workspace, seen: cell_pb2.InspectReply) -> Check:
    found = seen.tenancy
    detail = f"{found.state or 'absent'} at epoch {found.epoch}, log head at seq {found.seq}"
    expected = _IN_CELL.get(workspace.state, found.state)
    if (found.epoch, found.state) == (workspace.epoch, expected):
        return Check("tenancy", True, detail)
    return Check("tenancy", False, f"{detail}, but the registry says {expected} at epoch {workspace.epoch}")


def _cursors(seen: cell_pb2.InspectReply) -> list[Check]:
    ahead = [cursor for cursor in seen.cursors if cursor.seq > seen.tenancy.seq]
    at = ", ".join(f"{cursor.name} at {cursor.seq}" for cursor in seen.cursors)
    if not at:
        return []
    return [Check("cursors", not ahead, f"{at}, of {seen.tenancy.seq}")]
