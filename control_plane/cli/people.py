"""waggle user, waggle token: verbs of the workload, carried to the workspace's cell."""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from control_plane.cli.asking import Admin, ask
from control_plane.cli.errors import EXIT_USAGE, CliError
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import show_facts, show_json, show_table
from control_plane.cli.workspaces import Reference
from protos.admin.v1 import admin_pb2

_PERIOD = re.compile(r"([0-9]{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
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
    show(run_command(home, workspace, "user.add", {"email": email, "role": role}), as_json)


@tokens.command("create")
def create(
    workspace: Reference,
    user: Annotated[str, typer.Option(help="E-mail or id of whose token it is; default: the owner.")] = "",
    bot: Annotated[bool, typer.Option("--bot", help="For the built-in bot.")] = False,
    scope: Annotated[list[str] | None, typer.Option(help="May be given more than once; default: all.", show_default=False)] = None,
    scopes: Annotated[str, typer.Option(help="Several at once, separated by commas.", show_default=False)] = "",
    expires: Annotated[str, typer.Option(help="How long it lives: 90s, 15m, 12h, 30d; default: for ever.", show_default=False)] = "",
    note: Annotated[str, typer.Option(help="What it is for.", show_default=False)] = "",
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Make another token; it is shown this once."""
    if user and bot:
        raise CliError("--user and --bot name two different owners; give one", EXIT_USAGE)
    arguments: dict[str, Any] = {"email" if "@" in user else "user": user} if user else {"bot": bot}
    wanted = [*(scope or ()), *(name.strip() for name in scopes.split(",") if name.strip())]
    arguments |= {"scopes": wanted} if wanted else {}
    arguments |= {"expires_in": seconds_of(expires)} if expires else {}
    show(run_command(home, workspace, "token.create", arguments | {"note": note}), as_json)


@tokens.command("list")
def list_tokens(
    workspace: Reference,
    user: Annotated[str, typer.Option(help="E-mail or id of whose; default: everyone's.")] = "",
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Tokens and sessions that live; what they are is not known here, only what they may."""
    found = run_command(home, workspace, "token.list", named(user) if user else {})["tokens"]
    if as_json:
        show_json(found)
    else:
        columns = ("id", "user", "kind", "created", "expires", "note", "scopes")
        shown = [(t["token_id"], t["user_id"], t["kind"], day(t["created"]), day(t["expires"]), t["note"], len(t["scopes"])) for t in found]
        show_table("", columns, shown)


@tokens.command("revoke")
def revoke(
    workspace: Reference,
    token: Annotated[str, typer.Argument(help="The token, or its id as `waggle token list` shows it.")],
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Take a token back: within a second it opens nothing, and its sockets are closed."""
    show(run_command(home, workspace, "token.revoke", {"token": token}), as_json)


def named(user: str) -> dict[str, Any]:
    """By e-mail or by id."""
    return {"email" if "@" in user else "user": user}


def day(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M") if at_s else "-"


def seconds_of(text: str) -> int:
    """`90s`, `15m`, `12h`, `30d`."""
    found = _PERIOD.fullmatch(text.strip().lower())
    if found is None:
        raise CliError(f"--expires {text!r} is not allowed; allowed: a number with s, m, h or d, as 30d", EXIT_USAGE)
    return int(found[1]) * _SECONDS[found[2]]


def run_command(home: Home, workspace: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    request = admin_pb2.CommandRequest(workspace=workspace, name=name, arguments=json.dumps(arguments))

    async def work(admin: Admin) -> admin_pb2.CommandReply:
        return await admin(admin.stub.Command, request)

    result = json.loads(ask(home_of(home), work).result or "{}")
    if not isinstance(result, dict):
        raise CliError(f"{name} answered something that is not a JSON object")
    return result


def _words(name: str, value: Any) -> object:
    if name == "expires":
        return f"{day(value)} UTC"
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(result)
    else:
        show_facts([(name.replace("_", " "), _words(name, value)) for name, value in result.items()])
