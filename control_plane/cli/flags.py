"""waggle flag set|clear|list"""

from enum import StrEnum
from typing import Annotated, Any

import typer

from control_plane.cli.asking import Admin, ask
from control_plane.cli.errors import EXIT_FAILED
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import progress, say, show_json, show_table
from protos.admin.v1 import admin_pb2


class Value(StrEnum):
    ON = "on"
    OFF = "off"


Name = Annotated[str, typer.Argument(metavar="FLAG", help="Which one; waggle flag list names them.")]
OfCell = Annotated[str, typer.Option("--cell", help="For the workspaces of this cell alone.")]
OfWorkspace = Annotated[str, typer.Option("--workspace", help="For this workspace alone (name or id), wherever it lives.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit and shown by flag list.")]

flags = typer.Typer(no_args_is_help=True, help="Switch parts of the platform off and on, in every process within 2 s.")


@flags.command("set")
def set_flag(
    name: Name,
    value: Annotated[Value, typer.Argument(help="on or off.")],
    cell: OfCell = "",
    workspace: OfWorkspace = "",
    reason: Reason = "",
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Say it for everything, a cell or a workspace (the narrowest word wins). Exit 1 if a process does not obey within 2 s."""
    scope = admin_pb2.FlagScope(cell=cell, workspace=workspace)
    request = admin_pb2.SetFlagRequest(name=name, scope=scope, on=value is Value.ON, reason=reason)

    async def work(admin: Admin) -> admin_pb2.FlagReply:
        return await admin(admin.stub.SetFlag, request)

    with progress(f"{name} is being switched {value}", quiet=as_json):
        _show(ask(home_of(home), work), f"is {value}", as_json=as_json)


def clear_flag(
    name: Name, cell: OfCell = "", workspace: OfWorkspace = "", reason: Reason = "", as_json: Json = False, home: Home = None
) -> None:
    """Take back what was said of this scope: what is wider holds again."""
    request = admin_pb2.ClearFlagRequest(name=name, scope=admin_pb2.FlagScope(cell=cell, workspace=workspace), reason=reason)

    async def work(admin: Admin) -> admin_pb2.FlagReply:
        return await admin(admin.stub.ClearFlag, request)

    with progress(f"{name} is being cleared", quiet=as_json):
        _show(ask(home_of(home), work), "is cleared", as_json=as_json)


flags.command("clear")(clear_flag)
flags.command("unset", hidden=True)(clear_flag)


@flags.command("list")
def list_flags(cell: OfCell = "", workspace: OfWorkspace = "", as_json: Json = False, home: Home = None) -> None:
    """Every flag as it holds for everything, or for a cell or a workspace; and what was said, by whom, when and why."""

    async def work(admin: Admin) -> admin_pb2.ListFlagsReply:
        return await admin(admin.stub.ListFlags, admin_pb2.ListFlagsRequest(scope=admin_pb2.FlagScope(cell=cell, workspace=workspace)))

    found = ask(home_of(home), work)
    if as_json:
        show_json(flags_json(found))
        return
    show_table("", ("flag", "is", "by the word of", "off stops"), [(k.name, _value(k.on), k.decided_by, k.what) for k in found.known])
    if found.settings:
        rows = [(s.name, _value(s.on), _place(s), s.set_by, s.set_at[:19].replace("T", " "), s.reason) for s in found.settings]
        say("")
        show_table("", ("flag", "is", "for", "set by", "at (UTC)", "why"), rows)
    say("")
    say(_reached(found.reach), "yellow" if found.reach.behind else "")


def _show(reply: admin_pb2.FlagReply, done: str, *, as_json: bool) -> None:
    if as_json:
        show_json(setting_json(reply.setting) | {"reach": reach_json(reply.reach)})
    else:
        say(
            f"{reply.setting.name} {done} for {_place(reply.setting)}; {_reached(reply.reach)}", "yellow" if reply.reach.behind else "green"
        )
    if reply.reach.behind:
        raise typer.Exit(EXIT_FAILED)


def _reached(reach: admin_pb2.FlagReach) -> str:
    obeying = f"{reach.processes - len(reach.behind)} of {reach.processes} processes obey version {reach.version}"
    took = f" after {reach.took_ms:.0f} ms" if reach.took_ms else ""
    return f"{obeying}{took}" + (f"; behind: {', '.join(reach.behind)}" if reach.behind else "")


def _value(on: bool) -> str:
    return "on" if on else "off"


def _place(setting: admin_pb2.FlagSetting) -> str:
    return f"{setting.scope} {setting.target}" if setting.target else "everything"


def flags_json(found: admin_pb2.ListFlagsReply) -> dict[str, Any]:
    known = [{"name": k.name, "value": _value(k.on), "decided_by": k.decided_by, "off_stops": k.what} for k in found.known]
    return {"flags": known, "settings": [setting_json(setting) for setting in found.settings], "reach": reach_json(found.reach)}


def setting_json(setting: admin_pb2.FlagSetting) -> dict[str, Any]:
    fields = ("name", "scope", "target", "reason", "set_by", "set_at")
    return {"value": _value(setting.on)} | {name: getattr(setting, name) for name in fields}


def reach_json(reach: admin_pb2.FlagReach) -> dict[str, Any]:
    return {"version": reach.version, "processes": reach.processes, "behind": list(reach.behind), "took_ms": round(reach.took_ms, 1)}
