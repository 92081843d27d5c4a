"""waggle workspace import|export, beside the other verbs of workspaces."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from control_plane.cli.archives.batches import check_export, stretches
from control_plane.cli.archives.opening import open_archive
from control_plane.cli.asking import Admin, ask
from control_plane.cli.exporting import Exported, export
from control_plane.cli.home import home_of, running_platform
from control_plane.cli.importing import Carrier, Outcome, report_file
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import bytes_shown, say, show_facts, show_json, show_table
from control_plane.cli.workspaces import Reference, workspaces

__all__ = ["workspaces"]

NOTES_SHOWN_MAX = 20


@workspaces.command("import")
def import_(
    workspace: Reference,
    archive: Annotated[Path, typer.Argument(metavar="EXPORT.ZIP", help="A Slack export.", exists=False)],
    report: Annotated[Path | None, typer.Option(help="Write everything that was left out or changed here, a JSON object a line.")] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Take a Slack export in. Stopped at any point, the same command goes on from there; nothing comes in twice."""
    with open_archive(archive) as opened, report_file(report) or nullcontext() as told:
        check_export(opened)

        async def work(admin: Admin) -> Outcome:
            with _bar(f"importing {archive.name}", len(stretches(opened)), quiet=as_json) as moved_to:
                return await Carrier(admin, workspace, opened, lambda so_far: moved_to(so_far.place[0]), told).carry()

        outcome = ask(home_of(home), work)
    if as_json:
        show_json(outcome.shown())
    else:
        _show_import(outcome, report)


@workspaces.command("export")
def export_(
    workspace: Reference,
    to: Annotated[Path, typer.Option("--to", metavar="OUT.ZIP", help="Where to.")],
    without_files: Annotated[bool, typer.Option("--without-files", help="Name files, leave their content out.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Write the workspace as a Slack export: people, conversations (private and direct ones too), messages, reactions, files."""
    base = running_platform(home_of(home)).public_url.rstrip("/")

    async def work(admin: Admin) -> Exported:
        with _bar(f"exporting {workspace}", None, quiet=as_json) as moved_to:
            written = iter(range(1, 1 << 31))
            return await export(admin, workspace, to, base=base, without_files=without_files, on_entry=lambda _: moved_to(next(written)))

    exported = ask(home_of(home), work)
    if as_json:
        show_json(exported.shown())
    else:
        show_facts([("written", f"{exported.path} ({bytes_shown(exported.bytes)})"), *_counted(exported.counts)])
        _show_notes(exported.notes, len(exported.notes), None)


@contextmanager
def _bar(what: str, total: int | None, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """On a terminal; nothing elsewhere."""
    errors = Console(stderr=True)
    if quiet or not errors.is_terminal:
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("files"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda number: bar.update(task, completed=number)


def _show_import(outcome: Outcome, report: Path | None) -> None:
    if outcome.resumed:
        say("an import of this file was begun before; went on from there", "dim")
    show_facts(_counted(outcome.counts))
    _show_notes(outcome.skipped, outcome.skipped_number, report)


def _show_notes(notes: list[dict[str, str]], number: int, report: Path | None) -> None:
    if not notes:
        return
    show_table("left out or changed", ("kind", "what", "why"), [tuple(note.values()) for note in notes[:NOTES_SHOWN_MAX]])
    if number > NOTES_SHOWN_MAX:
        rest = number - NOTES_SHOWN_MAX
        say(f"… and {rest:,} more: {'all of them are in ' + str(report) if report else '--report FILE names them all'}", "dim")


def _counted(counts: dict[str, int]) -> list[tuple[str, object]]:
    return [(name.replace("_", " "), f"{count:,}") for name, count in counts.items()]
