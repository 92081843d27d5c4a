"""waggle search status|reindex: how far a workspace's engines know it, and knowing it anew."""

from typing import Annotated

import typer

from control_plane.cli.options import Home, Json
from control_plane.cli.people import run_command
from control_plane.cli.printing import show_facts, show_json, show_table
from control_plane.cli.workspaces import Reference

searches = typer.Typer(no_args_is_help=True, help="What searches find: engines and their indexes.")


@searches.command("status")
def status(workspace: Reference, as_json: Json = False, home: Home = None) -> None:
    """Each engine of a workspace: how far behind it is, and what it refused."""
    found = run_command(home, workspace, "search.status", {})
    if as_json:
        show_json(found)
        return
    rows = [
        (name, facts["state"], facts["behind_events"], facts["documents"], facts["refused"], facts["index"])
        for name, facts in found["engines"].items()
    ]
    show_table("", ("engine", "state", "events behind", "documents", "refused", "index"), rows)


@searches.command("reindex")
def reindex(
    workspace: Reference,
    engine: Annotated[str, typer.Option(help="opensearch or postgres; default: the one that is asked first.")] = "",
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Build a workspace's index anew, in the background; searches are answered all the while."""
    found = run_command(home, workspace, "search.reindex", {"engine": engine})
    if as_json:
        show_json(found)
    else:
        show_facts([("engine", found["engine"]), ("rebuilding", found["rebuilding"])])
