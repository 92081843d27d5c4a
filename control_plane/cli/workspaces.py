"""waggle workspace create|list|show|suspend|resume"""

from typing import Annotated

import typer

from control_plane.cli.asking import Admin, ask
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import progress, say, show_facts, show_json, show_table
from control_plane.cli.shapes import workspace_json
from protos.admin.v1 import admin_pb2

PAGE = 1_000

workspaces = typer.Typer(no_args_is_help=True, help="Workspaces: tenants, each in exactly one cell.")
Reference = Annotated[str, typer.Argument(metavar="WORKSPACE", help="Name or id.")]


@workspaces.command("create")
def create(
    name: Annotated[str, typer.Argument(help="1 to 21 of a-z, 0-9 and -; also the subdomain.")],
    owner_email: Annotated[str, typer.Option(help="E-mail of the first user; default: owner@NAME.example")] = "",
    region: Annotated[str, typer.Option(help="Only a cell in this region.")] = "",
    cell: Annotated[str, typer.Option(help="Pin it to this cell.")] = "",
    plan: Annotated[str, typer.Option(help="Plan it begins on: free, standard or unlimited; default: free")] = "",
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Make a workspace; prints its tokens, which are shown this once."""
    request = admin_pb2.CreateWorkspaceRequest(name=name, owner_email=owner_email, region=region, cell=cell, plan=plan)

    async def work(admin: Admin) -> admin_pb2.Workspace:
        with progress(f"creating {name}", quiet=as_json):
            return await admin(admin.stub.CreateWorkspace, request)

    _show(ask(home_of(home), work), as_json)


@workspaces.command("list")
def list_workspaces(
    cell: Annotated[str, typer.Option(help="Only those in this cell.")] = "", as_json: Json = False, home: Home = None
) -> None:
    """All workspaces, in order of name."""

    async def work(admin: Admin) -> list[admin_pb2.Workspace]:
        found: list[admin_pb2.Workspace] = []
        after = ""
        while True:
            request = admin_pb2.ListWorkspacesRequest(cell=cell, limit=PAGE, after=after)
            page = await admin(admin.stub.ListWorkspaces, request)
            found.extend(page.workspaces)
            if not (after := page.next):
                return found

    rows = ask(home_of(home), work)
    if as_json:
        show_json([workspace_json(row) for row in rows])
    else:
        shown = [(row.name, row.workspace_id, row.cell, row.epoch, row.state, row.url) for row in rows]
        show_table("", ("workspace", "id", "cell", "epoch", "state", "url"), shown)


@workspaces.command("show")
def show(workspace: Reference, as_json: Json = False, home: Home = None) -> None:
    """Where a workspace lives."""

    async def work(admin: Admin) -> admin_pb2.Workspace:
        return await admin(admin.stub.ShowWorkspace, admin_pb2.WorkspaceRef(workspace=workspace))

    _show(ask(home_of(home), work), as_json)


@workspaces.command("suspend")
def suspend(workspace: Reference, as_json: Json = False, home: Home = None) -> None:
    """Switch a workspace off; its data stays."""

    async def work(admin: Admin) -> admin_pb2.Workspace:
        return await admin(admin.stub.SuspendWorkspace, admin_pb2.WorkspaceRef(workspace=workspace))

    _show(ask(home_of(home), work), as_json)


@workspaces.command("resume")
def resume(workspace: Reference, as_json: Json = False, home: Home = None) -> None:
    """Switch a suspended workspace on again."""

    async def work(admin: Admin) -> admin_pb2.Workspace:
        return await admin(admin.stub.ResumeWorkspace, admin_pb2.WorkspaceRef(workspace=workspace))

    _show(ask(home_of(home), work), as_json)


def _show(row: admin_pb2.Workspace, as_json: bool) -> None:
    if as_json:
        show_json(workspace_json(row))
        return
    facts: list[tuple[str, object]] = [("workspace", row.name), ("id", row.workspace_id), ("url", row.url), ("cell", row.cell)]
    facts += [("epoch", row.epoch), ("state", row.state)]
    facts += [(f"{name} token", token) for name, token in sorted(row.tokens.items(), reverse=True)]
    show_facts(facts)
    if row.reason:
        say(f"placed in {row.reason}", "dim")
