"""waggle status, waggle doctor"""

from typing import Annotated, Any

import typer

from control_plane.cli.asking import Admin, ask
from control_plane.cli.cells import show_cells
from control_plane.cli.errors import EXIT_FAILED
from control_plane.cli.home import home_of, running_platform
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import say, show_facts, show_json, show_table
from control_plane.cli.shapes import cell_detail_json, check_json, router_json
from control_plane.cli.upkeeping import show_upkeep
from protos.admin.v1 import admin_pb2


def status(as_json: Json = False, home: Home = None) -> None:
    """Cells, routers, versions and health."""
    platform = running_platform(home_of(home))
    found = ask(platform.home, _status)
    if as_json:
        show_json(_status_json(found) | {"home": str(platform.home), "public_url": platform.public_url})
        return
    facts = (("home", platform.home), ("url", platform.public_url), ("api", f"{platform.public_url.rstrip('/')}/api/"))
    show_facts((*facts, ("version", found.version), ("directory", f"version {found.directory_version}"), ("workspaces", found.workspaces)))
    say("")
    show_cells(found.cells)
    for name, notice in sorted({(cell.name, notice) for cell in found.cells for process in cell.processes for notice in process.notices}):
        say(f"{name}: {notice}", "yellow")
    show_upkeep(found.cells)
    say("")
    rows = [(router.router_id, router.address, router.version, router.version >= found.directory_version) for router in found.routers]
    show_table("", ("router", "address", "has applied", "current"), rows)


def doctor(
    workspace: Annotated[str, typer.Argument(metavar="[WORKSPACE]", help="Name or id; none: the platform.", show_default=False)] = "",
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Walk the path of a workspace's requests and name the first thing that is wrong (exit 1 if something is)."""
    reply = ask(home_of(home), lambda admin: _examine(admin, workspace)) if workspace else verdict_of(ask(home_of(home), _status))
    well = all(check.ok for check in reply.checks)
    if as_json:
        named = {"workspace": reply.workspace.name} if workspace else {}
        show_json(named | {"ok": well, "verdict": reply.verdict, "checks": [check_json(check) for check in reply.checks]})
    else:
        show_table("", ("check", "", "detail"), [(check.name, check.ok, check.detail) for check in reply.checks])
        say(reply.verdict, "green" if well else "bold red")
    if not well:
        raise typer.Exit(EXIT_FAILED)


async def _status(admin: Admin) -> admin_pb2.StatusReply:
    return await admin(admin.stub.Status, admin_pb2.StatusRequest())


async def _examine(admin: Admin, workspace: str) -> admin_pb2.DoctorReply:
    return await admin(admin.stub.Doctor, admin_pb2.WorkspaceRef(workspace=workspace))


def verdict_of(found: admin_pb2.StatusReply) -> admin_pb2.DoctorReply:
    """The same kind of answer for the whole platform, from its status."""
    checks = [admin_pb2.Check(name="router", ok=False, detail="no router follows the directory")] if not found.routers else []
    for router in found.routers:
        current = router.version >= found.directory_version
        detail = f"has applied version {router.version} of {found.directory_version}"
        checks.append(admin_pb2.Check(name=f"router {router.router_id}", ok=current, detail=detail))
    for cell in found.cells:
        ages = [process.heartbeat_age_s for process in cell.processes]
        retired = cell.state == "retired"
        heard = "" if retired else f", last heard of {min(ages):.1f} s ago" if ages else ", never heard of"
        checks.append(admin_pb2.Check(name=f"cell {cell.name}", ok=cell.healthy or retired, detail=f"{cell.state}{heard}"))
    wrong = next((check for check in checks if not check.ok), None)
    verdict = "all is well" if wrong is None else f"{wrong.name} is wrong: {wrong.detail}"
    return admin_pb2.DoctorReply(checks=checks, verdict=verdict)


def _status_json(found: admin_pb2.StatusReply) -> dict[str, Any]:
    return {
        "version": found.version,
        "directory_version": found.directory_version,
        "workspaces": found.workspaces,
        "cells": [cell_detail_json(cell) for cell in found.cells],
        "routers": [router_json(router) for router in found.routers],
    }
