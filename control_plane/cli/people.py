"""waggle user add, waggle token create: verbs of the workload, carried to the workspace's cell."""

import json
from typing import Annotated, Any

import typer

from control_plane.cli.asking import Admin, ask
from control_plane.cli.errors import EXIT_USAGE, CliError
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import show_facts, show_json
from control_plane.cli.workspaces import Reference
from protos.admin.v1 import admin_pb2

users = typer.Typer(no_args_is_help=True, help="People in a workspace.")
tokens = typer.Typer(no_args_is_help=True, help="Tokens with which clients call the API.")


@users.command("add")
def add(
    workspace: Reference,
    email: str,
    role: Annotated[str, typer.Option(help="owner, admin, member, guest (of several channels) or single_guest.")] = "member",
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Add a person; prints their token, which is shown this once."""
    _show(run_command(home, workspace, "user.add", {"email": email, "role": role}), as_json)


@tokens.command("create")
def create(
    workspace: Reference,
    user: Annotated[str, typer.Option(help="E-mail or id of whose token it is; default: the owner.")] = "",
    bot: Annotated[bool, typer.Option("--bot", help="For the built-in bot.")] = False,
    scope: Annotated[list[str] | None, typer.Option(help="May be given more than once; default: all.", show_default=False)] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Make another token; it is shown this once."""
    if user and bot:
        raise CliError("--user and --bot name two different owners; give one", EXIT_USAGE)
    arguments: dict[str, Any] = {"email" if "@" in user else "user": user} if user else {"bot": bot}
    if scope:
        arguments["scopes"] = list(scope)
    _show(run_command(home, workspace, "token.create", arguments), as_json)


def run_command(home: Home, workspace: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    request = admin_pb2.CommandRequest(workspace=workspace, name=name, arguments=json.dumps(arguments))

    async def work(admin: Admin) -> admin_pb2.CommandReply:
        return await admin(admin.stub.Command, request)

    result = json.loads(ask(home_of(home), work).result or "{}")
    if not isinstance(result, dict):
        raise CliError(f"{name} answered something that is not a JSON object")
    return result


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(result)
    else:
        show_facts([(name.replace("_", " "), _words(value)) for name, value in result.items()])
