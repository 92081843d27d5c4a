"""waggle region failover|show"""

import asyncio
from typing import Annotated, Any

import typer

from control_plane.cli.asking import Admin, ask
from control_plane.cli.errors import CliError
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import progress, say, show_json, show_table
from protos.admin.v1 import failover_pb2

OPEN_S_MAX = 300.0
POLL_S = 0.5
OPENING = "opening"

regions = typer.Typer(no_args_is_help=True, help="Regions: what to do when one is gone.")


@regions.command("failover")
def failover(
    gone: Annotated[str, typer.Option("--from", metavar="REGION", help="The region that is gone.")],
    taking: Annotated[str, typer.Option("--to", metavar="REGION", help="The region whose cells were restored from backups.")],
    cell: Annotated[list[str] | None, typer.Option("--cell", metavar="CELL", help="Only this cell of it; may be said again.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, it is only shown.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Give the workspaces of lost cells to restored ones. Shows what it would do; --apply does it, and returns when all are served."""
    request = failover_pb2.FailoverRequest(from_region=gone, to_region=taking, cells=cell or ())

    async def work(admin: Admin) -> failover_pb2.FailoverPlan:
        if not apply:
            return await admin(admin.failover.Plan, request)
        done = await admin(admin.failover.Apply, request)
        with progress(f"{len(done.steps)} workspaces are opened", quiet=as_json):
            await _opened(admin, {step.workspace_id for step in done.steps})
        return done

    found = ask(home_of(home), work)
    if as_json:
        show_json(_plan_json(found))
    else:
        _show_plan(found)


async def _opened(admin: Admin, awaited: set[str]) -> None:
    try:
        async with asyncio.timeout(OPEN_S_MAX):
            while True:
                shown = await admin(admin.failover.Show, failover_pb2.FailoverShowRequest())
                waiting = [one for one in shown.unfinished if one.stage == OPENING and one.workspace_id in awaited]
                if not waiting and not shown.more:
                    return
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise CliError(f"decided, but not all are open after {OPEN_S_MAX:.0f} s; the control plane goes on: waggle region show") from None


def _plan_json(plan: failover_pb2.FailoverPlan) -> dict[str, Any]:
    steps = [
        {"workspace_id": s.workspace_id, "name": s.name, "from": s.source, "to": s.target, "epoch": s.epoch, "seq": s.seq}
        for s in plan.steps
    ]
    left = [{"workspace_id": one.workspace_id, "name": one.name, "cell": one.source, "why": one.why} for one in plan.left]
    return {"applied": plan.applied, "lost": list(plan.lost), "steps": steps, "left": left}


def _show_plan(plan: failover_pb2.FailoverPlan) -> None:
    show_table("", ("workspace", "from", "to", "epoch", "log ends at"), [(s.name, s.source, s.target, s.epoch, s.seq) for s in plan.steps])
    for one in plan.left:
        say(f"{one.name} stays with {one.source}: {one.why}", "yellow")
    lost = ", ".join(plan.lost)
    if plan.applied:
        say(f"given up: {lost}. Workspaces served by others: {len(plan.steps)}. Should {lost} come back, it is fenced first", "green")
        return
    say(f"Nothing was changed. With --apply: {lost} is given up, and {len(plan.steps)} workspaces go on where their backups end.")
    say("What was said after the backups is in the lost cells alone, and is not brought back by itself.", "yellow")


@regions.command("show")
def show(as_json: Json = False, home: Home = None) -> None:
    """Lost cells, and workspaces given to others for which something is still to be done."""

    async def work(admin: Admin) -> failover_pb2.FailoverShown:
        return await admin(admin.failover.Show, failover_pb2.FailoverShowRequest())

    found = ask(home_of(home), work)
    rows = [(one.name, one.source, one.target, one.epoch, one.stage, one.problem) for one in found.unfinished]
    if as_json:
        keys = ("name", "from", "to", "epoch", "stage", "problem")
        unfinished = [dict(zip(keys, row, strict=True)) for row in rows]
        show_json({"lost": list(found.lost), "unfinished": unfinished, "more": found.more})
        return
    if not found.lost and not rows:
        say("no cell is lost, and nothing is left to be done", "green")
        return
    say(f"lost: {', '.join(found.lost) or 'none'}")
    show_table("", ("workspace", "from", "to", "epoch", "still", "problem"), rows)
    if found.more:
        say(f"and {found.more} more")
