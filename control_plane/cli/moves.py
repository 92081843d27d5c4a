"""waggle move plan|start|watch|show|list|abort|rollback|finish"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Annotated

import typer

from control_plane.cli.asking import Admin, ask
from control_plane.cli.errors import CliError
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import bytes_shown, say, show_facts, show_json, show_table
from control_plane.cli.shapes import move_json, plan_json
from control_plane.cli.watching import Shown, bar, lines, nothing
from protos.admin.v1 import admin_pb2

POLL_S = 0.1
WAIT_S_MAX = 24 * 3600.0

moves = typer.Typer(no_args_is_help=True, help="Moves: a workspace goes to another cell while its people keep typing.")
Reference = Annotated[str, typer.Argument(metavar="MOVE", help="A move's id, or a workspace: its latest move.")]
Workspace = Annotated[str, typer.Argument(metavar="WORKSPACE", help="Name or id.")]
To = Annotated[str, typer.Option("--to", metavar="CELL", help="The cell to move to.")]
Wait = Annotated[bool, typer.Option("--wait", help="Return when people live in the other cell, or the move was undone.")]
Rest = Callable[[admin_pb2.Move], bool]


@moves.command("plan")
def plan(workspace: Workspace, to: To, as_json: Json = False, home: Home = None) -> None:
    """What a move would carry, how long it would take, and all that stands in its way. Changes nothing."""

    async def work(admin: Admin) -> admin_pb2.MovePlan:
        return await admin(admin.stub.PlanMove, admin_pb2.PlanMoveRequest(workspace=workspace, cell=to))

    found = ask(home_of(home), work)
    if as_json:
        show_json(plan_json(found))
        return
    show_facts((("workspace", found.workspace), ("from", found.source), ("to", found.target), ("rows", found.rows)))
    show_facts(
        (("size", bytes_shown(found.bytes)), ("takes about", f"{found.duration_s:.1f} s"), ("pause about", f"{found.pause_ms:.0f} ms"))
    )
    for blocker in found.blockers:
        say(f"in the way: {blocker}", "red")


@moves.command("start")
def start(
    workspace: Workspace,
    to: To,
    window: Annotated[float | None, typer.Option(help="Seconds in which it can be rolled back; default: 300.")] = None,
    wait: Wait = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Begin a move; refuses with everything that stands in its way."""

    async def begin(admin: Admin) -> admin_pb2.Move:
        request = admin_pb2.StartMoveRequest(workspace=workspace, cell=to, window_s=window)
        return await admin(admin.stub.StartMove, request)

    _order(begin, _arrived, wait=wait, as_json=as_json, home=home)


@moves.command("watch")
def watch(move: Reference, as_json: Json = False, home: Home = None) -> None:
    """Follow a move until people live in one cell for good, or the window is open. With --json: an object a line, whenever it changes."""

    async def work(admin: Admin) -> admin_pb2.Move:
        with (lines if as_json else bar)() as shown:
            return await _follow(admin, await _show(admin, move), _arrived, shown)

    arrived = ask(home_of(home), work)
    if not as_json:
        _print(arrived)
    _refuse_undone(arrived)


@moves.command("show")
def show(move: Reference, as_json: Json = False, home: Home = None) -> None:
    """Where a move stands."""
    _order(lambda admin: _show(admin, move), _ended, wait=False, as_json=as_json, home=home)


@moves.command("list")
def list_moves(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The latest so many.")] = 50, as_json: Json = False, home: Home = None
) -> None:
    """Moves, the latest first."""

    async def work(admin: Admin) -> admin_pb2.ListMovesReply:
        return await admin(admin.stub.ListMoves, admin_pb2.ListMovesRequest(limit=limit))

    found = ask(home_of(home), work).moves
    if as_json:
        show_json([move_json(move) for move in found])
        return
    rows = [
        (m.move_id, m.workspace, m.source, m.target, m.state, m.step, m.rows, f"{m.pause_ms:.0f} ms", f"{m.duration_s:.1f} s", _waits(m))
        for m in found
    ]
    show_table("", ("move", "workspace", "from", "to", "state", "step", "rows", "pause", "duration", ""), rows)


@moves.command("abort")
def abort(move: Reference, wait: Wait = False, as_json: Json = False, home: Home = None) -> None:
    """Take back a move that is not decided yet; its people notice nothing."""
    _order(lambda admin: admin(admin.stub.AbortMove, _ref(move)), _ended, wait=wait, as_json=as_json, home=home)


@moves.command("rollback")
def rollback(move: Reference, wait: Wait = False, as_json: Json = False, home: Home = None) -> None:
    """Within the window: back to the cell it came from, with everything written since."""
    _order(lambda admin: admin(admin.stub.RollbackMove, _ref(move)), _ended, wait=wait, as_json=as_json, home=home)


@moves.command("finish")
def finish(move: Reference, wait: Wait = False, as_json: Json = False, home: Home = None) -> None:
    """Close the window now: streams are dropped, the rows left behind are deleted."""
    _order(lambda admin: admin(admin.stub.FinishMove, _ref(move)), _ended, wait=wait, as_json=as_json, home=home)


def _order(begin: Callable[[Admin], Awaitable[admin_pb2.Move]], rests: Rest, *, wait: bool, as_json: bool, home: Home) -> None:
    async def work(admin: Admin) -> admin_pb2.Move:
        move = await begin(admin)
        if not wait:
            return move
        with nullcontext(nothing) if as_json else bar() as shown:
            return await _follow(admin, move, rests, shown)

    move = ask(home_of(home), work)
    if as_json:
        show_json(move_json(move))
    else:
        _print(move)
    if wait:
        _refuse_undone(move)


def _refuse_undone(move: admin_pb2.Move) -> None:
    if move.state == "undone" and "aborted on demand" not in move.problem:
        raise CliError(f"{move.move_id} was undone, and {move.workspace} stays in {move.source}: {move.problem}")


async def _follow(admin: Admin, move: admin_pb2.Move, rests: Rest, shown: Shown) -> admin_pb2.Move:
    shown(move)
    async with asyncio.timeout(WAIT_S_MAX):
        while not rests(move):
            await asyncio.sleep(POLL_S)
            move = await _show(admin, move.move_id)
            shown(move)
    return move


def _begins(move: admin_pb2.Move) -> bool:
    return move.step == "prepare"


def _waits(move: admin_pb2.Move) -> str:
    """What holds it back: other people's latency, most often."""
    return f"waiting: {move.waiting}" if move.waiting and _begins(move) else move.waiting


def _arrived(move: admin_pb2.Move) -> bool:
    return move.state != "running"


def _ended(move: admin_pb2.Move) -> bool:
    return move.state not in ("running", "window")


async def _show(admin: Admin, reference: str) -> admin_pb2.Move:
    return await admin(admin.stub.ShowMove, _ref(reference))


def _ref(reference: str) -> admin_pb2.MoveRef:
    return admin_pb2.MoveRef(move=reference)


def _print(move: admin_pb2.Move) -> None:
    facts: list[tuple[str, object]] = [("move", move.move_id), ("workspace", move.workspace), ("from", move.source), ("to", move.target)]
    facts += [("state", move.state), ("step", move.step), ("rows", move.rows), ("duration", f"{move.duration_s:.1f} s")]
    if move.pause_ms:
        facts.append(("pause", f"{move.pause_ms:.0f} ms"))
    if move.state == "window":
        facts.append(("rollback", f"possible for {move.window_left_s:.0f} s: waggle move rollback {move.move_id}"))
    if move.waiting:
        facts.append(("waiting" if _begins(move) else "paced", move.waiting))
    if move.problem:
        facts.append(("problem", move.problem))
    show_facts(facts)
