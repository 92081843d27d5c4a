"""Emptying cells: every workspace of a cell that is `draining` is moved away, a few at a time, until none is left."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from chassis.errors import WaggleError
from control_plane.moves.desk import Desk
from control_plane.placement import Wish, place
from control_plane.registry import DATABASE_AWAY, Cell, CellState, Move, MoveState, Registry, Workspace, WorkspaceState

EVERY_S = 1.0
AT_ONCE_MAX = 2
"""Of one cell: what it still serves shares its disk with the copies."""
AGAIN_AFTER_S = 30.0
"""A workspace whose move was undone is left in peace for so long."""
PAGE = 200
MOVES_MAX = 1_000
STUCK_SHOWN_MAX = 20

log = structlog.get_logger("control_plane.moves")


@dataclass(frozen=True, slots=True)
class Stuck:
    """A workspace that will not leave by itself."""

    workspace: str
    why: str


@dataclass(frozen=True, slots=True)
class Drain:
    """How far a cell is. It is empty when nothing is left, moves or can come back."""

    cell: str
    state: CellState
    left: int
    moving: int
    windows: int
    stuck: tuple[Stuck, ...]


@dataclass(frozen=True)
class Drainer:
    registry: Registry
    desk: Desk
    on_move: Callable[[], None]
    at_once: Callable[[str], int] = lambda _: AT_ONCE_MAX
    """Moves of a cell that are begun or wait their turn."""

    async def run(self) -> None:
        """Until cancelled. Replicas may both do it: a workspace has at most one unfinished move."""
        while True:
            try:
                for cell in await self.registry.cells.list():
                    if cell.state is CellState.DRAINING:
                        await self.turn(cell)
            except DATABASE_AWAY as error:
                log.warning("database_away", error=repr(error))
            await asyncio.sleep(EVERY_S)

    async def turn(self, cell: Cell) -> None:
        """Begin as many moves as there is room for."""
        unfinished = {move.workspace_id: move for move in await self.registry.moves.unfinished(limit=MOVES_MAX)}
        begun = sum(move.source == cell.name and move.state is MoveState.RUNNING for move in unfinished.values())
        room = self.at_once(cell.name) - begun
        if room <= 0:
            return
        async for workspace in self._living_in(cell):
            if workspace.state is not WorkspaceState.ACTIVE or workspace.id in unfinished or await self._rests(workspace):
                continue
            if await self._begin(workspace):
                room -= 1
                if room <= 0:
                    return

    async def show(self, cell: Cell) -> Drain:
        moves = await self.registry.moves.unfinished(limit=MOVES_MAX)
        mine = [move for move in moves if cell.name in (move.source, move.target)]
        windows = sum(move.state is MoveState.WINDOW for move in mine)
        stuck = [found async for workspace in self._living_in(cell) if (found := _stuck(workspace))]
        return Drain(cell.name, cell.state, cell.workspaces, len(mine) - windows, windows, tuple(stuck[:STUCK_SHOWN_MAX]))

    async def _living_in(self, cell: Cell) -> AsyncIterator[Workspace]:
        after = ""
        while page := await self.registry.workspaces.list(cell=cell.name, after=after, limit=PAGE):
            for workspace in page:
                if workspace.state is not WorkspaceState.GONE:
                    yield workspace
            after = page[-1].subdomain

    async def _rests(self, workspace: Workspace) -> bool:
        latest = await self.registry.moves.latest_of(workspace.id)
        return latest is not None and _undone_lately(latest, datetime.now(UTC))

    async def _begin(self, workspace: Workspace) -> bool:
        """Whether a move began; else why not stands with the workspace."""
        try:
            placement = place(Wish(region=workspace.region, pin=workspace.pins.get("cell", "")), await self.registry.cells.list())
            move = await self.desk.start(workspace.id, placement.cell, None)
        except WaggleError as error:
            problem = _problem(workspace, error)
            if workspace.problem != problem:
                await self.registry.workspaces.note_problem(workspace, problem)
            return False
        log.info("drain_move", workspace=workspace.id, move=move.id, why=placement.why)
        if workspace.problem:
            await self.registry.workspaces.note_problem(workspace, "")
        self.on_move()
        return True


def _undone_lately(move: Move, now: datetime) -> bool:
    return move.state is MoveState.UNDONE and move.ended_at is not None and (now - move.ended_at).total_seconds() < AGAIN_AFTER_S


def _problem(workspace: Workspace, error: WaggleError) -> str:
    if workspace.pins.get("cell") == workspace.cell:
        return f"is pinned there ({error}); waggle move start {workspace.subdomain} --to CELL takes it elsewhere"
    return str(error)


def _stuck(workspace: Workspace) -> Stuck | None:
    if workspace.state is not WorkspaceState.ACTIVE:
        return Stuck(workspace.subdomain, f"is {workspace.state}: only an active workspace can be moved")
    return Stuck(workspace.subdomain, workspace.problem) if workspace.problem else None
