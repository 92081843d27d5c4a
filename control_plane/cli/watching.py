"""A move as it goes: a bar for people on a terminal, a JSON object a line for scripts."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from control_plane.cli.shapes import watch_json
from protos.admin.v1 import admin_pb2

WHOLE = 1.0
EVERY_S = 1.0


class Shown(Protocol):
    def __call__(self, move: admin_pb2.Move) -> None:
        """The move as it stands now."""


def nothing(move: admin_pb2.Move) -> None:
    """Where nobody looks."""


@contextmanager
def bar() -> Iterator[Shown]:
    """On stderr; where that is no terminal nothing is shown."""
    errors = Console(stderr=True)
    if not errors.is_terminal:
        yield nothing
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.fields[facts]}"))
    with Progress(*columns, console=errors, transient=True) as display:
        task = display.add_task("", total=WHOLE, facts="")
        yield lambda move: display.update(task, description=headline(move), completed=move.progress, facts=facts_line(move))


@contextmanager
def lines() -> Iterator[Shown]:
    """Each time something has changed, and every second."""
    told: tuple[object, ...] = ()
    told_s = 0.0

    def show(move: admin_pb2.Move) -> None:
        nonlocal told, told_s
        facts = (move.state, move.step, move.rows, move.compared, move.waiting, move.problem)
        if facts != told or move.duration_s - told_s >= EVERY_S:
            told, told_s = facts, move.duration_s
            sys.stdout.write(json.dumps(watch_json(move), separators=(",", ":")) + "\n")
            sys.stdout.flush()

    yield show


def headline(move: admin_pb2.Move) -> str:
    return f"{move.workspace} to {move.target}: {move.step}"


def facts_line(move: admin_pb2.Move) -> str:
    """Rows, rate, lag, time left; what holds it back, and what went wrong last."""
    done = move.compared if move.step == "verify" else move.rows
    said = [f"{done:,} of {move.rows_planned:,} rows" if move.step in ("copy", "verify") else f"{move.rows:,} rows"]
    if move.rows_per_s:
        said.append(f"{move.rows_per_s:,.0f} rows/s")
    if move.lag_ms:
        said.append(f"lag {move.lag_ms:.0f} ms")
    said.append(f"about {move.eta_s:.0f} s left" if move.eta_s else f"{move.duration_s:.0f} s")
    return "; ".join([", ".join(said), *filter(None, (move.waiting, move.problem))])
