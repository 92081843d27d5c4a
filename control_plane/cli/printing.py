"""For scripts: JSON on stdout. For people: tables. Progress and errors go to stderr, so neither is ever mixed in."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_COLUMNS = 400

_STATE_STYLES = {
    "active": "green",
    "creating": "yellow",
    "provisioning": "yellow",
    "suspending": "yellow",
    "resuming": "yellow",
    "draining": "yellow",
    "suspended": "red",
    "retired": "dim",
    "gone": "dim",
    "ok": "green",
    "wrong": "bold red",
}


def show_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    _print(table)


def show_facts(facts: Sequence[tuple[str, object]]) -> None:
    """One thing's facts, a line each. In a table true is `ok` and false `wrong`; here they are `yes` and `no`."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, _cell(("no", "yes")[value] if isinstance(value, bool) else value))
    _print(table)


def say(line: str, style: str = "") -> None:
    Console().print(Text(line, style=style), soft_wrap=True)


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[None]:
    """A spinner on a terminal, nothing elsewhere: there, stderr has one line if something fails, and none if nothing does."""
    errors = Console(stderr=True)
    if quiet or not errors.is_terminal:
        yield
    else:
        with errors.status(what):
            yield


def _print(table: Table) -> None:
    """On a terminal as wide as it is; into a pipe in whole lines without trailing spaces."""
    out = Console()
    if out.is_terminal:
        out.print(table)
        return
    wide = Console(width=PIPE_COLUMNS)
    with wide.capture() as captured:
        wide.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _cell(value: object) -> Text:
    shown = ("wrong", "ok")[value] if isinstance(value, bool) else str(value)
    return Text(shown, style=_STATE_STYLES.get(shown, ""))


def bytes_shown(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.0f} TiB"
