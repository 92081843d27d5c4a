"""The command line, put together."""

import typer

from control_plane.cli.accounts import accounts
from control_plane.cli.audits import audits
from control_plane.cli.cells import cells
from control_plane.cli.contents import messages, plans, retentions
from control_plane.cli.exchanges import workspaces
from control_plane.cli.flags import flags
from control_plane.cli.fleet import fleet
from control_plane.cli.health import doctor, status
from control_plane.cli.moves import moves
from control_plane.cli.people import tokens, users
from control_plane.cli.platforms import down, up
from control_plane.cli.rebalancing import rebalance
from control_plane.cli.regions import regions
from control_plane.cli.searches import searches
from control_plane.cli.simulating import simulate


def program() -> typer.Typer:
    app = typer.Typer(
        name="waggle",
        help="Team chat in cells: start a platform, and look after its cells and workspaces.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for verb in (up, down, status, doctor, simulate):
        app.command(verb.__name__)(verb)
    app.add_typer(cells, name="cell")
    app.add_typer(workspaces, name="workspace")
    app.add_typer(moves, name="move")
    app.add_typer(rebalance, name="rebalance")
    app.add_typer(fleet, name="fleet")
    app.add_typer(regions, name="region")
    accounts(users)
    app.add_typer(users, name="user")
    app.add_typer(tokens, name="token")
    app.add_typer(messages, name="message")
    app.add_typer(plans, name="plan")
    app.add_typer(retentions, name="retention")
    app.add_typer(searches, name="search")
    app.add_typer(audits, name="audit")
    app.add_typer(flags, name="flag")
    return app
