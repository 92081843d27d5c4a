"""Two cells, one registry, one move, as small immutable facts: what `tests/unit/test_move_search.py` searches through.

The tenancy rows change by the cells' production transitions; what PostgreSQL does (publication, subscription, COPY) is told by
its effects. A write's number is its seq; `Cell.data` are the writes a cell holds.
"""

from typing import Any, NamedTuple

from cells.runtime.tenancy import Tenancy, TenancyState
from cells.runtime.transfer import transitions
from cells.runtime.transfer.ownership import CLOSED
from chassis.errors import WaggleError
from chassis.identity import WorkspaceId
from protos.cell.v1 import cell_pb2, transfer_pb2

SOURCE, TARGET = 0, 1
NAMES = ("cell-1", "cell-2")
MOVE_ID, WORKSPACE_ID, EPOCH = "mv_0", WorkspaceId("T00000001"), 1
WRITABLE = TenancyState.ACTIVE


class Row(NamedTuple):
    state: TenancyState
    epoch: int
    seq: int
    moved_to: str


class Entry(NamedTuple):
    """A line of a cell's own changes, as a follower gets them: a write, or the move's mark."""

    kind: str
    number: int


class Cell(NamedTuple):
    row: Row | None
    data: tuple[int, ...] = ()
    wal: tuple[Entry, ...] = ()
    published: bool = False
    follows: int | None = None
    """How much of the other cell's `wal` has been applied here; None: no subscription."""
    mark: int = 0


class World(NamedTuple):
    cells: tuple[Cell, Cell]
    written: int = 0
    """Acknowledged writes: 1 to this number."""
    epoch_written: int = 0


class Refused(WaggleError):
    code = "cell_refused"


class Away(WaggleError):
    code = "cell_away"


def beginning() -> World:
    return World((Cell(Row(WRITABLE, EPOCH, 0, "")), Cell(None)))


def put(world: World, place: int, cell: Cell) -> World:
    return world._replace(cells=(cell, world.cells[1]) if place == SOURCE else (world.cells[0], cell))


def written(world: World, place: int) -> World | None:
    """A client's write is acknowledged by the cell at `place`; None where that cell accepts none."""
    cell = world.cells[place]
    if cell.row is None or cell.row.state is not WRITABLE:
        return None
    row = cell.row._replace(seq=cell.row.seq + 1)
    cell = cell._replace(row=row, data=(*cell.data, row.seq), wal=(*cell.wal, Entry("write", row.seq)))
    return put(world, place, cell)._replace(written=world.written + 1, epoch_written=row.epoch)


def applied(world: World, place: int) -> World | None:
    """The next change of the other cell arrives at `place`; None where there is none, or nobody gives it."""
    cell, giver = world.cells[place], world.cells[1 - place]
    if cell.follows is None or not giver.published or cell.follows >= len(giver.wal):
        return None
    entry = giver.wal[cell.follows]
    cell = cell._replace(follows=cell.follows + 1)
    cell = cell._replace(data=(*cell.data, entry.number)) if entry.kind == "write" else cell._replace(mark=entry.number)
    return put(world, place, cell)


def said(world: World, place: int, verb: str, request: Any) -> tuple[World, Any]:
    """What the cell at `place` does and answers. Raises Refused."""
    cell, answer = VERBS[verb](world, place, request)
    return put(world, place, cell), answer


def publish(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    cell = world.cells[place]
    row = _require(cell)
    tenancy = cell_pb2.Tenancy(workspace_id=WORKSPACE_ID, epoch=row.epoch, state=row.state, seq=row.seq, moved_to=row.moved_to)
    return cell._replace(published=True), transfer_pb2.PublishReply(connection=NAMES[place], tenancy=tenancy, secret=b"s", name="acme")


def receive(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    cell = world.cells[place]
    if cell.row is None:
        cell = cell._replace(row=Row(TenancyState.INCOMING, request.epoch, 0, ""))
    return _changed(cell, transitions.receive, request.epoch), cell_pb2.TenancyReply()


def copy(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    """Whole at once, and compared: what an interrupted copy left is deleted by the next, after what it published here."""
    cell, giver = world.cells[place], world.cells[1 - place]
    if cell.follows is None:
        _require_away(cell._replace(published=False))
        if not giver.published:
            raise Refused("no such role")
        cell = cell._replace(data=giver.data, mark=giver.mark, follows=len(giver.wal), published=True)
    return cell, transfer_pb2.CopyReply(done=True, rows=10_000)


def follow(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    cell, giver = world.cells[place], world.cells[1 - place]
    if cell.follows is None:
        if not giver.published:
            raise Refused("no such role")
        cell = cell._replace(follows=len(giver.wal))
    return cell, transfer_pb2.FollowReply()


def mark(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    return _marked(world.cells[place], request.number), transfer_pb2.MarkReply()


def seal(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    cell = _changed(world.cells[place], transitions.freeze, request.epoch)
    if not cell.published or not cell.mark or cell.mark > request.number:
        raise Refused("late")
    assert cell.row is not None
    return _marked(cell, request.number), transfer_pb2.SealReply(seq=cell.row.seq, last_ts_us=cell.row.seq)


def unseal(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    cell = _changed(world.cells[place], transitions.unseal, request.epoch)
    return _marked(cell, request.number) if cell.published else cell, cell_pb2.TenancyReply()


def await_mark(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    cell = world.cells[place]
    seen = cell.mark >= request.number
    return cell, transfer_pb2.AwaitMarkReply(seen=seen, seq=cell.data[-1] if cell.data else 0)


def compare(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    """Whole at once; what is watched from then on is published."""
    cell, giver = world.cells[place], world.cells[1 - place]
    if cell.follows is None or not giver.published:
        raise Refused("nothing was copied here")
    return cell._replace(published=True), transfer_pb2.CompareReply(done=True)


def compare_rest(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    cell, giver = world.cells[place], world.cells[1 - place]
    if cell.mark < request.number:
        raise Refused("the mark did not come")
    differs = [] if cell.data == giver.data else ["log"]
    return cell, transfer_pb2.CompareRestReply(differs=differs, seq=cell.data[-1] if cell.data else 0)


def take(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    cell = _changed(world.cells[place], transitions.take, request.epoch, request.seq, request.last_ts_us)
    return cell, cell_pb2.TenancyReply()


def retire(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    return _changed(world.cells[place], transitions.retire, request.epoch, request.cell), cell_pb2.TenancyReply()


def drop(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    cell = world.cells[place]
    at_home = cell.row is not None and cell.row.state in (TenancyState.ACTIVE, TenancyState.FROZEN, TenancyState.SUSPENDED)
    return cell._replace(follows=None, published=False, mark=CLOSED if at_home else 0), transfer_pb2.DropReply()


def purge(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    cell = world.cells[place]
    _require_away(cell)
    cell = cell._replace(data=(), mark=0)
    if request.forget and cell.row is not None and cell.row.state is TenancyState.INCOMING:
        cell = cell._replace(row=cell.row._replace(state=TenancyState.MOVED) if cell.row.moved_to else None)
    return cell, transfer_pb2.PurgeReply(done=True)


def leftovers(world: World, place: int, request: Any) -> tuple[Cell, Any]:
    return world.cells[place], transfer_pb2.LeftoversReply(names=left_in(world.cells[place]))


def left_in(cell: Cell) -> list[str]:
    found = (("publication", cell.published), ("subscription", cell.follows is not None), ("mark", 0 < cell.mark < CLOSED))
    return [f"{name} {MOVE_ID}" for name, there in found if there]


VERBS = {
    "Publish": publish,
    "Receive": receive,
    "Copy": copy,
    "Follow": follow,
    "Mark": mark,
    "Seal": seal,
    "Unseal": unseal,
    "AwaitMark": await_mark,
    "Compare": compare,
    "CompareRest": compare_rest,
    "Take": take,
    "Retire": retire,
    "Drop": drop,
    "Purge": purge,
    "Leftovers": leftovers,
}


def _marked(cell: Cell, number: int) -> Cell:
    number = max(cell.mark, number)
    return cell._replace(mark=number, wal=(*cell.wal, Entry("mark", number)))


def _require(cell: Cell) -> Row:
    if cell.row is None:
        raise Refused("not mine")
    return cell.row


def _require_away(cell: Cell) -> None:
    """Rows are deleted only where the workspace is not at home, and where nobody follows the deletion."""
    if cell.published or (cell.row is not None and cell.row.state not in (TenancyState.MOVED, TenancyState.INCOMING)):
        raise Refused("its rows stay")


def _changed(cell: Cell, transition: Any, *arguments: Any) -> Cell:
    row = _require(cell)
    tenancy = Tenancy(WORKSPACE_ID, row.epoch, row.state, row.seq, row.seq, row.moved_to, b"s", "acme", "acme")
    try:
        after = transition(tenancy, *arguments)
    except WaggleError as error:
        raise Refused(str(error)) from error
    return cell._replace(row=Row(after.state, after.epoch, after.seq, after.moved_to))
