"""Which cell a new workspace goes to. Pure: facts in, a cell or a refusal out, and one sentence of why."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.errors import WaggleError
from chassis.identity import CellName
from control_plane.registry import Cell, CellState


@dataclass(frozen=True, slots=True)
class Wish:
    """What the workspace asks for; empty means no wish. `pin` is the only way into a dedicated cell."""

    region: str = ""
    pin: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    cell: CellName
    why: str


class PlacementRefused(WaggleError):
    """No cell fits; the message is the sentence for whoever asked."""

    code = "no_cell_fits"


def place(wish: Wish, cells: Sequence[Cell]) -> Placement:
    """Region, then pins and dedication, cell state, capacity, and last the least load (ties: by name).

    Raises PlacementRefused with the first reason that leaves no cell.
    """
    fitting = list(cells)
    if not fitting:
        raise PlacementRefused("there are no cells yet; create one with: waggle cell create")
    fitting = _in_region(wish, fitting)
    fitting = _as_pinned(wish, fitting) if wish.pin else _shared(fitting)
    fitting = _with_room(_serving(fitting))
    chosen = min(fitting, key=lambda cell: (cell.load, cell.workspaces, cell.name))
    return Placement(chosen.name, _why(wish, chosen, len(fitting)))


def _in_region(wish: Wish, cells: list[Cell]) -> list[Cell]:
    if not wish.region:
        return cells
    fitting = [cell for cell in cells if cell.region == wish.region]
    if not fitting:
        regions = ", ".join(sorted({cell.region for cell in cells}))
        raise PlacementRefused(f"no cell is in region {wish.region!r}; there are cells in: {regions}")
    return fitting


def _as_pinned(wish: Wish, cells: list[Cell]) -> list[Cell]:
    fitting = [cell for cell in cells if cell.name == wish.pin]
    if not fitting:
        where = f" in region {wish.region!r}" if wish.region else ""
        raise PlacementRefused(f"there is no cell {wish.pin!r}{where}; there are: {_names(cells)}")
    return fitting


def _shared(cells: list[Cell]) -> list[Cell]:
    fitting = [cell for cell in cells if not cell.dedicated]
    if not fitting:
        raise PlacementRefused(f"every cell that would do is dedicated ({_names(cells)}) and takes pinned workspaces only")
    return fitting


def _serving(cells: list[Cell]) -> list[Cell]:
    active = [cell for cell in cells if cell.state == CellState.ACTIVE]
    if not active:
        states = ", ".join(f"{cell.name} is {cell.state}" for cell in cells)
        raise PlacementRefused(f"no cell that would do is active: {states}")
    healthy = [cell for cell in active if cell.healthy]
    if not healthy:
        raise PlacementRefused(f"no cell that would do was heard of in the last 10 s: {_names(active)}")
    return healthy


def _with_room(cells: list[Cell]) -> list[Cell]:
    fitting = [cell for cell in cells if cell.workspaces < cell.capacity_workspaces]
    if not fitting:
        full = ", ".join(f"{cell.name} holds {cell.workspaces} of {cell.capacity_workspaces}" for cell in cells)
        raise PlacementRefused(f"no cell that would do has room: {full}")
    return fitting


def _why(wish: Wish, chosen: Cell, fitting: int) -> str:
    where = f" in region {wish.region}" if wish.region else ""
    if wish.pin:
        return f"{chosen.name}: the workspace is pinned to it"
    if fitting == 1:
        return f"{chosen.name}: the only cell{where} that is active and has room"
    return f"{chosen.name}: the least loaded ({chosen.load:.1%}) of {fitting} cells{where} that are active and have room"


def _names(cells: Sequence[Cell]) -> str:
    return ", ".join(sorted(cell.name for cell in cells)) or "none"
