"""waggle simulate"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control_plane.cli.errors import CliError
from control_plane.cli.options import Json
from control_plane.cli.printing import progress, say, show_json, show_table

if TYPE_CHECKING:
    from control_plane.rebalance.simulation import Day

GB = 1e9
COLUMNS = ("week", "cells lost", "own cell", "worst before", "worst after", "moves", "moved", "most paused", "planner, longest")


def simulate(
    workspaces: Annotated[int, typer.Option(min=100, max=5_000_000)] = 1_500_000,
    cells: Annotated[int, typer.Option(min=2, max=1_000)] = 150,
    weeks: Annotated[int, typer.Option(min=1, max=52)] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal weeks.")] = 7,
    out: Annotated[Path, typer.Option(help="Folder for simulation.png and simulation.json.")] = Path("simulation"),
    plot: Annotated[bool, typer.Option(help="Draw simulation.png.")] = True,
    as_json: Json = False,
) -> None:
    """Rebalance an invented fleet day by day - it grows, has hot spots, loses cells - and show how even it stays and what that costs."""
    from control_plane.rebalance.simulation import Wanted  # numpy would cost every other command 0.1 s
    from control_plane.rebalance.simulation import simulate as days_of

    if workspaces < 10 * cells:
        raise CliError(f"{workspaces} workspaces on {cells} cells: a cell needs at least 10")
    with progress(f"{weeks} weeks of {workspaces:,} workspaces on {cells} cells", quiet=as_json):
        days = list(days_of(Wanted(workspaces, cells, weeks, seed)))
        _keep(days, out, plot=plot)
    if as_json:
        show_json([asdict(day) for day in days])
        return
    show_table("", COLUMNS, _weeks(days))
    say(f"kept in {out}/")


def _weeks(days: "Sequence[Day]") -> list[tuple[object, ...]]:
    weeks = [days[start : start + 7] for start in range(0, len(days), 7)]
    return [
        (
            number,
            sum(day.failed_cells for day in week),
            sum(day.promoted for day in week),
            f"+{max(day.worst_before for day in week):.1%}",
            f"+{max(day.worst_after for day in week):.1%}",
            f"{sum(day.moves for day in week):,}",
            f"{sum(day.moved_bytes for day in week) / GB:,.0f} GB",
            f"{max(day.pause_spent_s_max for day in week):.2f} s",
            f"{max(day.planner_s for day in week):.2f} s",
        )
        for number, week in enumerate(weeks, 1)
    ]


def _keep(days: "Sequence[Day]", out: Path, *, plot: bool) -> None:
    from control_plane.rebalance.plotting import NoPlots, draw

    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "simulation.json").write_text(json.dumps([asdict(day) for day in days], indent=1) + "\n")
        if plot:
            draw(days, out / "simulation.png")
    except NoPlots as error:
        raise CliError(str(error)) from error
    except OSError as error:
        raise CliError(f"cannot write to {out}: {error.strerror}") from error
