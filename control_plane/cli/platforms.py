"""waggle up, waggle down"""

from typing import Annotated

import typer

from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import say, show_json

CELLS_MAX = 16


def up(
    cells: Annotated[int, typer.Option(min=1, max=CELLS_MAX, help="How many cells to have at least.")] = 2,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the edge; 0: any free one.")] = 8080,
    detach: Annotated[bool, typer.Option("--detach", help="Return when requests are served; stop it with: waggle down")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Start a platform on this machine: control plane, router and cells, each with real databases of its own."""
    raise NotImplementedError


def down(as_json: Json = False, home: Home = None) -> None:
    """Stop the platform; its data stays."""
    raise NotImplementedError
