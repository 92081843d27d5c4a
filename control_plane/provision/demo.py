"""The demo workspace: made once through the admin API like any other; its tokens are kept in HOME/demo.json (0600)."""

import asyncio
import json
import os
import ssl
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import grpc

from chassis.rpc import Tls, channel, credential_from_file
from chassis.settings import load
from control_plane.provision.errors import ProvisionError
from control_plane.provision.layout import Layout
from control_plane.provision.secret_files import write_private
from protos.admin.v1 import admin_pb2, admin_pb2_grpc

NAME = "demo"
OWNER = "owner@demo.example"
CREATE_S_MAX = 40.0
CALL_S_MAX = 10.0
RETRY_S = 0.25
ASK_TIMEOUT_S = 3.0
# While cells are still on their way to the control plane.
NOT_YET = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
)


@dataclass(frozen=True, slots=True)
class Demo:
    workspace_id: str
    name: str
    url: str
    tokens: dict[str, str]


def kept_demo(path: Path) -> Demo | None:
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
        return Demo(workspace_id=kept["workspace_id"], name=kept["name"], url=kept["url"], tokens=dict(kept["tokens"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


async def ensure_demo(layout: Layout, control: str, public_url: str) -> Demo:
    """The demo workspace, created if it was not. Raises ProvisionError when no cell takes it in time."""
    if kept := kept_demo(layout.demo):
        demo = replace(kept, url=f"{public_url}/w/{kept.name}/")  # the port may be another this time
        if demo != kept:
            _keep(layout, demo)
        return demo
    async with channel(control, credential_from_file(layout.token), load(Tls, os.environ)) as connection:
        workspace = await _create(admin_pb2_grpc.AdminStub(connection))
    demo = Demo(workspace.workspace_id, workspace.name, workspace.url, dict(workspace.tokens))
    _keep(layout, demo)
    return demo


def _keep(layout: Layout, demo: Demo) -> None:
    write_private(layout.demo, json.dumps(asdict(demo)) + "\n")


async def served(public_url: str, token: str, timeout_s: float) -> bool:
    """Whether `auth.test` with this token is answered through the edge, tried until the time is up."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not await asyncio.to_thread(_auth_test, public_url, token):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(RETRY_S)
    return True


async def _create(stub: "admin_pb2_grpc.AdminAsyncStub | Any") -> admin_pb2.Workspace:
    request = admin_pb2.CreateWorkspaceRequest(name=NAME, owner_email=OWNER)
    deadline = asyncio.get_running_loop().time() + CREATE_S_MAX
    while True:
        try:
            made: admin_pb2.Workspace = await stub.CreateWorkspace(request, timeout=CALL_S_MAX)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.ALREADY_EXISTS:  # made by a start that was killed before it kept the tokens
                found: admin_pb2.Workspace = await stub.ShowWorkspace(admin_pb2.WorkspaceRef(workspace=NAME), timeout=CALL_S_MAX)
                return found
            if error.code() not in NOT_YET or asyncio.get_running_loop().time() > deadline:
                raise ProvisionError(f"the demo workspace cannot be created: {error.details()}") from None
        else:
            return made
        await asyncio.sleep(RETRY_S)


def _unverified() -> ssl.SSLContext:
    """The edge's certificate names what clients call it; here it is called 127.0.0.1."""
    return ssl._create_unverified_context()  # noqa: S323


def _auth_test(public_url: str, token: str) -> bool:
    request = urllib.request.Request(f"{public_url}/api/auth.test", method="POST", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=ASK_TIMEOUT_S, context=_unverified()) as answer:  # noqa: S310 - our own address
            return json.load(answer).get("ok") is True
    except (OSError, ValueError, urllib.error.URLError):
        return False
