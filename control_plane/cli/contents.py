"""waggle message versions, waggle plan show|set, waggle retention show|set: a workspace's contents and limits."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from control_plane.cli.errors import EXIT_USAGE, CliError
from control_plane.cli.options import Home, Json
from control_plane.cli.people import run_command
from control_plane.cli.printing import say, show_facts, show_json, show_table
from control_plane.cli.workspaces import Reference

messages = typer.Typer(no_args_is_help=True, help="What was said, before it was changed.")
retentions = typer.Typer(no_args_is_help=True, help="How long a workspace keeps what is said.")
plans = typer.Typer(no_args_is_help=True, help="What a workspace may use.")


@messages.command("versions")
def versions(workspace: Reference, channel: str, ts: str, as_json: Json = False, home: Home = None) -> None:
    """What a message (channel id, ts) said before each edit and before it was deleted, the oldest first."""
    found = run_command(home, workspace, "message.versions", {"channel": channel, "ts": ts})
    if as_json:
        show_json(found)
    elif found["versions"]:
        rows = [(_time(one["until_ts"]), one["ended_how"], one["ended_by"], one["text"]) for one in found["versions"]]
        show_table("", ("until", "then", "by", "it said"), rows)
    else:
        say("no earlier version is kept: it was never changed, or is not there", "dim")


@plans.command("show")
def show(workspace: Reference, as_json: Json = False, home: Home = None) -> None:
    """The plan a workspace is on, and what it allows."""
    _show(run_command(home, workspace, "plan.show", {}), as_json)


@plans.command("set")
def set_(workspace: Reference, plan: str, as_json: Json = False, home: Home = None) -> None:
    """Put a workspace on another plan; it counts within half a minute."""
    _show(run_command(home, workspace, "plan.set", {"plan": plan}), as_json)


@retentions.command("show")
def show_retention(workspace: Reference, as_json: Json = False, home: Home = None) -> None:
    """How long messages are kept, by whose word, and from when the oldest is."""
    _show_kept(run_command(home, workspace, "retention.show", {}), as_json)


@retentions.command("set")
def set_retention(
    workspace: Reference,
    days: Annotated[str, typer.Argument(help="A number of days, or `plan`: as the workspace's plan says (for ever, unless it says so).")],
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Delete messages that many days after they were said: what is older goes at once, some 400 a second."""
    if days != "plan" and not days.isdecimal():
        raise CliError(f"{days!r} is not a number of days; a number, or: plan", EXIT_USAGE)
    _show_kept(run_command(home, workspace, "retention.set", {} if days == "plan" else {"days": int(days)}), as_json)


def _show_kept(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    facts: list[tuple[str, object]] = [("messages are kept", "for ever" if found["days"] is None else f"{found['days']:,} days")]
    facts.append(("by the word of", f"the {found['said_by']}"))
    if oldest := found.get("oldest_ts"):
        facts.append(("the oldest is from", f"{_time(oldest)} UTC"))
    show_facts(facts)


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(found)
    else:
        show_facts([(name.replace("_", " "), _bound(value)) for name, value in found.items()])


def _bound(value: Any) -> object:
    if value is None:
        return "any number"
    return value if isinstance(value, bool | str) else f"{value:,}"


def _time(ts: str) -> str:
    return datetime.fromtimestamp(float(ts), UTC).strftime("%Y-%m-%d %H:%M:%S")
