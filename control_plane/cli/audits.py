"""waggle audit list"""

from typing import Annotated

import typer

from control_plane.cli.asking import Admin, ask
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import show_json, show_table
from control_plane.cli.shapes import audit_json
from protos.admin.v1 import admin_pb2

audits = typer.Typer(no_args_is_help=True, help="Who did what, when, from where.")


@audits.command("list")
def list_entries(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many, newest first.")] = 50, as_json: Json = False, home: Home = None
) -> None:
    """What administrators did, refused tries included."""

    async def work(admin: Admin) -> admin_pb2.ListAuditReply:
        return await admin(admin.stub.ListAudit, admin_pb2.ListAuditRequest(limit=limit))

    entries = ask(home_of(home), work).entries
    if as_json:
        show_json([audit_json(entry) for entry in entries])
    else:
        rows = [
            (entry.at[:19].replace("T", " "), entry.actor, entry.action, entry.target, entry.source, entry.outcome) for entry in entries
        ]
        show_table("", ("at (UTC)", "who", "what", "target", "from", "outcome"), rows)
