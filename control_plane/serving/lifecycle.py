"""A workspace's way from wish to life, to suspension and back. Each intention is a row first, so that a crash loses none."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from chassis.identity import CellName, make_workspace_id
from control_plane.placement import Placement, Wish, place
from control_plane.registry import Cell, Conflict, Draft, Registry, Workspace, WorkspaceState
from control_plane.serving.cell_doors import CellDoors
from control_plane.serving.names import check_cell_name, check_email, check_word, check_workspace_name
from control_plane.serving.refusals import CellAway, CellRefused, one_line
from protos.cell.v1 import cell_pb2

ADMIT_S_MAX = 15.0
PLAN_DEFAULT = "free"

log = structlog.get_logger("control_plane.workspaces")


@dataclass(frozen=True, slots=True)
class Order:
    """What an administrator asked for; empty fields take their defaults."""

    name: str
    owner_email: str = ""
    region: str = ""
    pin: str = ""
    plan: str = ""

    def check(self) -> None:
        """Raises InvalidRequest."""
        check_workspace_name(self.name)
        check_word(self.region, "region")
        check_word(self.plan, "plan")
        if self.pin:
            check_cell_name(self.pin)
        if self.owner_email:
            check_email(self.owner_email)


@dataclass(frozen=True, slots=True)
class Created:
    workspace: Workspace
    why: str
    tokens: Mapping[str, str]
    """Shown this once, stored nowhere."""


@dataclass(frozen=True, slots=True)
class WorkspaceLifecycle:
    registry: Registry
    doors: CellDoors

    async def create(self, order: Order) -> Created:
        """Row, Admit, row: after the first step the reconciler can finish alone.

        Raises InvalidRequest, NameTaken, PlacementRefused, CellRefused (nothing remains), CellAway (the row remains, to be finished).
        """
        order.check()
        chosen: list[Placement] = []
        row = await self.registry.workspaces.insert(_draft(order), lambda cells: _choose(order, cells, chosen))
        log.info("workspace_placed", workspace=row.id, name=row.subdomain, cell=row.cell, why=chosen[0].why)
        try:
            workspace, tokens = await self._admit(row)
        except CellRefused:
            await self.registry.workspaces.remove_refused(row)
            raise
        except CellAway as error:
            await self.registry.workspaces.note_problem(row, one_line(error))
            raise CellAway(
                f"workspace {row.subdomain} is recorded and will be finished when its cell answers; {one_line(error)}"
            ) from error
        return Created(workspace, chosen[0].why, tokens)

    async def suspend(self, workspace: Workspace) -> Workspace:
        """Routers are told first, then the cell; already suspended is fine."""
        return await self._through(workspace, WorkspaceState.SUSPENDING, WorkspaceState.SUSPENDED)

    async def resume(self, workspace: Workspace) -> Workspace:
        """The cell opens first, then routers are told; already active is fine."""
        return await self._through(workspace, WorkspaceState.RESUMING, WorkspaceState.ACTIVE)

    async def _through(self, workspace: Workspace, middle: WorkspaceState, end: WorkspaceState) -> Workspace:
        if workspace.state == end:
            return workspace
        if workspace.state != middle:
            workspace = await self.registry.workspaces.change_state(workspace, middle)
        try:
            return await self.finish(workspace)
        except CellAway as error:
            await self.registry.workspaces.note_problem(workspace, one_line(error))
            raise CellAway(f"workspace {workspace.subdomain} is {middle}; it will be finished when its cell answers") from error

    async def finish(self, workspace: Workspace) -> Workspace:
        """Take an unfinished row to where it was going; one that nobody needs to finish is returned as it is."""
        match workspace.state:
            case WorkspaceState.CREATING:
                return (await self._admit(workspace))[0]
            case WorkspaceState.SUSPENDING:
                asked = cell_pb2.SuspendRequest(workspace_id=workspace.id, epoch=workspace.epoch)
                await self.doors.ask(await self._cell(workspace), lambda cell: cell.Suspend(asked, timeout=ADMIT_S_MAX))
                return await self._arrive(workspace, WorkspaceState.SUSPENDED)
            case WorkspaceState.RESUMING:
                opened = cell_pb2.OpenRequest(workspace_id=workspace.id, epoch=workspace.epoch)
                await self.doors.ask(await self._cell(workspace), lambda cell: cell.Open(opened, timeout=ADMIT_S_MAX))
                return await self._arrive(workspace, WorkspaceState.ACTIVE)
        return workspace

    async def _admit(self, row: Workspace) -> tuple[Workspace, Mapping[str, str]]:
        asked = cell_pb2.AdmitRequest(
            workspace_id=row.id,
            name=row.subdomain,
            subdomain=row.subdomain,
            epoch=row.epoch,
            arguments=json.dumps({"owner_email": row.owner_email, "plan": row.plan}),
        )
        reply = await self.doors.ask(await self._cell(row), lambda cell: cell.Admit(asked, timeout=ADMIT_S_MAX))
        return await self._arrive(row, WorkspaceState.ACTIVE), _tokens(reply.result)

    async def _arrive(self, row: Workspace, state: WorkspaceState) -> Workspace:
        try:
            return await self.registry.workspaces.change_state(row, state)
        except Conflict:
            # Another replica's reconciler, or the caller it overtook, was first; that it is done is all that counts.
            found = await self.registry.workspaces.require(row.id)
            if found.state != state:
                raise
            return found

    async def _cell(self, workspace: Workspace) -> Cell:
        return await self.registry.cells.require(workspace.cell)


def _draft(order: Order) -> Draft:
    return Draft(
        id=make_workspace_id(),
        subdomain=order.name,
        plan=order.plan or PLAN_DEFAULT,
        region=order.region,
        pins={"cell": order.pin} if order.pin else {},
        owner_email=order.owner_email or f"owner@{order.name}.example",
    )


def _choose(order: Order, cells: Sequence[Cell], chosen: list[Placement]) -> CellName:
    placement = place(Wish(region=order.region, pin=order.pin), cells)
    chosen[:] = [placement]
    return placement.cell


def _tokens(result: str) -> Mapping[str, str]:
    """The workload's `tokens`: {"owner": …, "bot": …}; none when it was admitted before."""
    try:
        found = json.loads(result) if result else {}
    except ValueError as error:
        raise CellAway(f"the cell's answer is not JSON: {error}") from error
    tokens = found.get("tokens", found) if isinstance(found, dict) else {}
    return {name: token for name, token in tokens.items() if isinstance(token, str)} if isinstance(tokens, dict) else {}
