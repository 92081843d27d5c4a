"""waggle user deactivate|reactivate|role|invite|invitations|uninvite|link|totp-off|audit"""

from typing import Annotated, Any

import typer

from control_plane.cli.options import Home, Json
from control_plane.cli.people import day, named, run_command, show
from control_plane.cli.printing import show_json, show_table
from control_plane.cli.workspaces import Reference

User = Annotated[str, typer.Argument(metavar="USER", help="E-mail or id.")]


def accounts(users: typer.Typer) -> None:
    """Adds the verbs to `waggle user`."""
    verbs = (deactivate, reactivate, role, invite, invitations, uninvite, link, totp_off, audit)
    for verb in verbs:
        users.command(verb.__name__.replace("_", "-"))(verb)


def deactivate(workspace: Reference, user: User, as_json: Json = False, home: Home = None) -> None:
    """Switch a person off: their tokens die and their sockets close within a second."""
    show(run_command(home, workspace, "user.deactivate", named(user)), as_json)


def reactivate(workspace: Reference, user: User, as_json: Json = False, home: Home = None) -> None:
    """Switch a person on again; they sign in anew."""
    show(run_command(home, workspace, "user.reactivate", named(user)), as_json)


def role(
    workspace: Reference,
    user: User,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="owner, admin, member, guest or single_guest.")],
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Change what a person is."""
    show(run_command(home, workspace, "user.role", {**named(user), "role": role}), as_json)


def invite(
    workspace: Reference,
    email: str,
    role: Annotated[str, typer.Option(help="owner, admin, member, guest or single_guest.")] = "member",
    channels: Annotated[str, typer.Option(help="Ids, separated by commas; a guest's only ones.")] = "",
    days: Annotated[int, typer.Option(help="How long it is good, up to 90.")] = 7,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Ask somebody in: the link goes out by mail and is printed."""
    arguments: dict[str, Any] = {"email": email, "role": role, "channels": channels, "days": days}
    show(run_command(home, workspace, "user.invite", arguments), as_json)


def invitations(workspace: Reference, as_json: Json = False, home: Home = None) -> None:
    """Invitations that are open."""
    found = run_command(home, workspace, "user.invitations", {})["invitations"]
    if as_json:
        show_json(found)
    else:
        show_table("", ("id", "email", "role", "expires"), [(one["id"], one["email"], one["role"], day(one["expires"])) for one in found])


def uninvite(workspace: Reference, invitation: str, as_json: Json = False, home: Home = None) -> None:
    """Take an invitation back, by its id."""
    show(run_command(home, workspace, "user.uninvite", {"invitation": invitation}), as_json)


def link(workspace: Reference, user: User, as_json: Json = False, home: Home = None) -> None:
    """A link with which the person sets a password; good once, for 15 minutes. It goes out by mail too."""
    show(run_command(home, workspace, "user.link", named(user)), as_json)


def totp_off(workspace: Reference, user: User, as_json: Json = False, home: Home = None) -> None:
    """Take away a second factor that was lost."""
    show(run_command(home, workspace, "user.totp_off", named(user)), as_json)


def audit(
    workspace: Reference,
    limit: Annotated[int, typer.Option(help="How many, up to 200.")] = 50,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """What was done to and by accounts, the newest first."""
    found = run_command(home, workspace, "user.audit", {"limit": limit})["entries"]
    if as_json:
        show_json(found)
    else:
        columns = ("at", "actor", "action", "target", "address", "detail")
        show_table("", columns, [tuple(entry[name] for name in columns) for entry in found])
