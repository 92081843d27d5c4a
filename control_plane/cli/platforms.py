"""waggle up, waggle down"""

from typing import Annotated

import typer

from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import say, show_json
from control_plane.provision import supervisor
from control_plane.provision.layout import Layout
from control_plane.provision.stopping import stop_platform

CELLS_MAX = 16


def up(
    cells: Annotated[int, typer.Option(min=1, max=CELLS_MAX, help="How many cells to have at least.")] = 2,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the edge; default: as before, at first 8080.", show_default=False),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when requests are served; stop it with: waggle down")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Start a platform on this machine: control plane, router and cells, each with real databases of its own."""
    options = supervisor.UpOptions(home=home_of(home), cells=cells, port=port, detach=detach, json=as_json)
    raise typer.Exit(supervisor.up(options))


def down(as_json: Json = False, home: Home = None) -> None:
    """Stop the platform; its data stays."""
    said = stop_platform(Layout(home_of(home)))
    if as_json:
        show_json({"result": said})
    else:
        say(said)
