"""waggle rebalance plan|apply|show|list|stop|resume"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from rich.console import Console

from control_plane.cli.asking import Admin, ask
from control_plane.cli.errors import CliError
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import say, show_json, show_table
from control_plane.cli.run_shapes import plan_json, run_json, run_line, show_plan, show_run, step_line
from protos.admin.v1 import rebalance_pb2

POLL_S = 0.5
WAIT_S_MAX = 7 * 86_400.0
PLAN_S_MAX = 300.0

rebalance = typer.Typer(no_args_is_help=True, help="Levelling: which moves make the cells more even, and runs that carry them out.")
Reference = Annotated[str, typer.Argument(metavar="[RUN]", help="Its id; none: the latest.", show_default=False)]
Moves = Annotated[int, typer.Option("--moves", min=0, max=5_000, help="At most so many; 0: 200.")]
Region = Annotated[str, typer.Option(metavar="REGION", help="Its cells alone; default: every region by itself.")]
Watch = Annotated[bool, typer.Option("--watch/--no-watch", help="Follow the run; Ctrl-C ends the watching and not the run.")]


@rebalance.command("plan")
def plan(moves: Moves = 0, region: Region = "", as_json: Json = False, home: Home = None) -> None:
    """What would be moved where, why, and how full the cells were then. Changes nothing."""
    _plan(rebalance_pb2.PlanRequest(moves_max=moves, region=region), as_json=as_json, home=home)


def _plan(request: rebalance_pb2.PlanRequest, *, as_json: bool, home: Home) -> None:
    async def work(admin: Admin) -> rebalance_pb2.RebalancePlan:
        return await admin(admin.rebalance.Plan, request, within_s=PLAN_S_MAX)

    found = ask(home_of(home), work)
    if as_json:
        show_json(plan_json(found))
    else:
        show_plan(found)


@rebalance.command("apply")
def apply(
    moves: Moves = 0,
    region: Region = "",
    at_once: Annotated[int, typer.Option(min=0, max=16, help="Moves at a time, if both their cells allow; 0: 4.")] = 0,
    window: Annotated[
        float | None, typer.Option(help="Seconds in which each can be rolled back; default: 300.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only plan.")] = False,
    watch: Watch = True,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Plan, and begin to carry it out. Stops by itself when a cell fares worse; `waggle rebalance stop` stops it, `resume` goes on."""
    request = rebalance_pb2.PlanRequest(moves_max=moves, region=region, at_once=at_once, window_s=window)
    if dry_run:
        _plan(request, as_json=as_json, home=home)
        return
    _order(lambda admin: admin(admin.rebalance.Apply, request, within_s=PLAN_S_MAX), watch=watch, as_json=as_json, home=home)


@rebalance.command("show")
def show(
    run: Reference = "",
    watch: Annotated[bool, typer.Option("--watch", help="Follow it.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """A run: what is done, under way and left, and why it stopped."""
    _order(lambda admin: admin(admin.rebalance.Show, _ref(run)), watch=watch, as_json=as_json, home=home)


@rebalance.command("list")
def list_runs(limit: Annotated[int, typer.Option(min=1, max=1000)] = 20, as_json: Json = False, home: Home = None) -> None:
    """Runs, the latest first."""

    async def work(admin: Admin) -> rebalance_pb2.ListRunsReply:
        return await admin(admin.rebalance.List, rebalance_pb2.ListRunsRequest(limit=limit))

    found = ask(home_of(home), work).runs
    if as_json:
        show_json([run_json(run, moves=False) for run in found])
        return
    rows = [(r.run_id, r.state, r.done, r.moving, r.waiting, r.failed, r.skipped, f"{r.age_s:.0f} s", r.problem) for r in found]
    show_table("", ("run", "state", "done", "moving", "left", "failed", "left out", "lasted", ""), rows)


@rebalance.command("stop")
def stop(run: Reference = "", as_json: Json = False, home: Home = None) -> None:
    """Begin no further move; those that run go on to their end. What is done stays: each move helped by itself."""
    _order(lambda admin: admin(admin.rebalance.Stop, _ref(run)), watch=False, as_json=as_json, home=home)


@rebalance.command("resume")
def resume(run: Reference = "", watch: Watch = True, as_json: Json = False, home: Home = None) -> None:
    """Go on with a run that was stopped, measured against how the cells fare now."""
    _order(lambda admin: admin(admin.rebalance.Resume, _ref(run)), watch=watch, as_json=as_json, home=home)


def _ref(run: str, *, without_moves: bool = False) -> rebalance_pb2.RunRef:
    return rebalance_pb2.RunRef(run=run, without_moves=without_moves)


def _order(begin: Callable[[Admin], Awaitable[rebalance_pb2.Run]], *, watch: bool, as_json: bool, home: Home) -> None:
    begun: list[str] = []

    async def work(admin: Admin) -> rebalance_pb2.Run:
        run = await begin(admin)
        begun.append(run.run_id)
        return await _follow(admin, run, quiet=as_json) if watch else run

    try:
        run = ask(home_of(home), work)
    except KeyboardInterrupt:
        if begun:
            say(f"{begun[0]} goes on; waggle rebalance show --watch follows it again, waggle rebalance stop ends it")
        raise
    if as_json:
        show_json(run_json(run))
    else:
        show_run(run)
    if watch and run.state == "stopped":
        raise CliError(f"{run.run_id} stopped: {run.problem}; waggle rebalance resume goes on with what is left")


async def _follow(admin: Admin, run: rebalance_pb2.Run, *, quiet: bool) -> rebalance_pb2.Run:
    """Until it rests. On a terminal one line that moves, elsewhere a line for each move that ends."""
    errors, told = Console(stderr=True), {move.workspace_id: move.state for move in run.moves}
    shown = errors.status(run_line(run)) if errors.is_terminal and not quiet else None
    if shown is not None:
        shown.start()
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            while run.state == "running" or run.moving:
                await asyncio.sleep(POLL_S)
                ended = _ended(run)
                run = await admin(admin.rebalance.Show, _ref(run.run_id, without_moves=True))
                if _ended(run) != ended and not quiet:
                    await _tell_ended(admin, run.run_id, told, errors)
                if shown is not None:
                    shown.update(run_line(run))
        return await admin(admin.rebalance.Show, _ref(run.run_id))
    finally:
        if shown is not None:
            shown.stop()


def _ended(run: rebalance_pb2.Run) -> int:
    return run.done + run.failed + run.skipped


async def _tell_ended(admin: Admin, run_id: str, told: dict[str, str], errors: Console) -> None:
    """What ended since this was told last; a run may have thousands of moves, so they are asked for only then."""
    for move in (await admin(admin.rebalance.Show, _ref(run_id))).moves:
        if told.get(move.workspace_id) != move.state and move.state in ("done", "failed", "skipped"):
            errors.print(step_line(move), soft_wrap=True, markup=False, highlight=False)
        told[move.workspace_id] = move.state
