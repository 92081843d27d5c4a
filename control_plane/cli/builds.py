"""waggle fleet builds add|list|remove: versions that this machine's cells may be started from."""

from pathlib import Path
from typing import Annotated, Any

import typer

from control_plane.cli.errors import CliError
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import progress, say, show_json, show_table
from control_plane.provision.builds import Build
from control_plane.provision.local import LocalProvisioner

builds = typer.Typer(no_args_is_help=True, help="Versions on this machine: folders with code of their own.")
Version = Annotated[str, typer.Argument(metavar="VERSION")]


@builds.command("add")
def add(
    version: Version,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A checkout, or what pip install --target made; its .venv or bin runs it.")],
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Make a version known. Its code is started once, so that a folder that cannot work is refused now."""
    with progress(f"asking {path}", quiet=as_json):
        build = LocalProvisioner(home_of(home)).builds.add(version, path.expanduser().absolute())
    if as_json:
        show_json(_build_json(build))
    else:
        say(f"{build.version} is {build.path}, run by {build.python}, tables {build.revisions[-1]}", "green")


@builds.command("list")
def list_builds(as_json: Json = False, home: Home = None) -> None:
    """All versions known here, and the cells that are to run each."""
    local = LocalProvisioner(home_of(home))
    found, wanted = local.builds.list(), local.wanted()
    used = {build.version: [cell.name for cell in wanted if cell.version == (build.version if build.path else "")] for build in found}
    if as_json:
        show_json([_build_json(build) | {"cells": used[build.version]} for build in found])
        return
    rows = [(b.version, b.path or "our own code", b.python, b.revisions[-1], ", ".join(used[b.version])) for b in found]
    show_table("", ("version", "code", "interpreter", "tables", "cells"), rows)


@builds.command("remove")
def remove(version: Version, as_json: Json = False, home: Home = None) -> None:
    """Forget a version that no cell is to run; its folder stays."""
    local = LocalProvisioner(home_of(home))
    if users := [cell.name for cell in local.wanted() if cell.version == version]:
        raise CliError(f"{version} is what {', '.join(users)} run; bring them to another version first")
    local.builds.remove(version)
    if as_json:
        show_json({"removed": version})
    else:
        say(f"{version} is forgotten", "green")


def _build_json(build: Build) -> dict[str, Any]:
    path = None if build.path is None else str(build.path)
    return {"version": build.version, "path": path, "python": str(build.python), "revision": build.revisions[-1]}
