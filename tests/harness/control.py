"""A control plane in this process, over a real database and real gRPC, and a cell that only answers what it is asked."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc

from chassis.identity import CellName
from chassis.rpc import channel, create_credential_file, listen, server
from chassis.settings import Address
from control_plane.app.process import control_plane
from control_plane.app.settings import ControlSettings
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec, MigrationLimits, Provisioner
from protos.admin.v1 import admin_pb2_grpc
from protos.cell.v1 import cell_pb2, cell_pb2_grpc
from protos.directory.v1 import directory_pb2, directory_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass
class FakeCell(cell_pb2_grpc.CellServicer):
    """Admits, opens, suspends and inspects as a cell does; `refuse` makes it abort, `calls` is what it was asked."""

    tenancies: dict[str, cell_pb2.Tenancy] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    refuse: tuple[grpc.StatusCode, str] | None = None
    broken_check: str = ""

    async def _asked(self, verb: str, workspace_id: str, context: Context) -> None:
        self.calls.append((verb, workspace_id))
        if self.refuse is not None:
            await context.abort(*self.refuse)

    async def Admit(self, request: cell_pb2.AdmitRequest, context: Context) -> cell_pb2.AdmitReply:
        await self._asked("admit", request.workspace_id, context)
        fresh = request.workspace_id not in self.tenancies
        if fresh:
            admitted = cell_pb2.Tenancy(workspace_id=request.workspace_id, epoch=request.epoch, state="active")
            self.tenancies[request.workspace_id] = admitted
        result = json.dumps({"tokens": {"owner": "xoxp-1", "bot": "xoxb-1"}}) if fresh else ""
        return cell_pb2.AdmitReply(tenancy=self.tenancies[request.workspace_id], result=result)

    async def Exchange(self, request_iterator: AsyncIterator[cell_pb2.Parcel], context: Context) -> AsyncIterator[cell_pb2.Parcel]:
        """Gives back what it is given."""
        async for parcel in request_iterator:
            yield parcel

    async def Suspend(self, request: cell_pb2.SuspendRequest, context: Context) -> cell_pb2.TenancyReply:
        await self._asked("suspend", request.workspace_id, context)
        self.tenancies[request.workspace_id].state = "suspended"
        return cell_pb2.TenancyReply(tenancy=self.tenancies[request.workspace_id])

    async def Open(self, request: cell_pb2.OpenRequest, context: Context) -> cell_pb2.TenancyReply:
        await self._asked("open", request.workspace_id, context)
        self.tenancies[request.workspace_id].state = "active"
        return cell_pb2.TenancyReply(tenancy=self.tenancies[request.workspace_id])

    async def Freeze(self, request: cell_pb2.FreezeRequest, context: Context) -> cell_pb2.TenancyReply:
        raise NotImplementedError

    async def Retire(self, request: cell_pb2.RetireRequest, context: Context) -> cell_pb2.TenancyReply:
        raise NotImplementedError

    async def Census(self, request: cell_pb2.CensusRequest, context: Context) -> cell_pb2.CensusReply:
        return cell_pb2.CensusReply(tenancies=self.tenancies.values())

    async def Inspect(self, request: cell_pb2.InspectRequest, context: Context) -> cell_pb2.InspectReply:
        await self._asked("inspect", request.workspace_id, context)
        names = ("database", "redis", "log", "cursors")
        checks = [cell_pb2.Check(name=name, ok=name != self.broken_check, detail=f"{name} answered") for name in names]
        return cell_pb2.InspectReply(tenancy=self.tenancies.get(request.workspace_id), checks=checks, sessions=2)

    async def Command(self, request: cell_pb2.CommandRequest, context: Context) -> cell_pb2.CommandReply:
        await self._asked(request.name, request.workspace_id, context)
        email = json.loads(request.arguments)["email"]
        if email == "taken@acme.example":
            return cell_pb2.CommandReply(error="already_in_team", detail="taken@acme.example is a member")
        return cell_pb2.CommandReply(result=json.dumps({"user_id": "U1", "email": email, "token": "xoxp-2"}))


@dataclass
class WishList:
    """A provisioner that only writes down."""

    wishes: list[CellSpec] = field(default_factory=list)
    broken: bool = False

    async def create(self, spec: CellSpec) -> None:
        if self.broken:
            raise ProvisionError("this machine is full")
        self.wishes.append(spec)

    async def retire(self, name: CellName) -> None:
        self.wishes = [wish for wish in self.wishes if wish.name != name]

    async def cells(self) -> tuple[CellSpec, ...]:
        return tuple(self.wishes)

    async def upgrade(self, name: CellName, version: str) -> None:
        self.wishes = [replace(wish, version=version) if wish.name == name else wish for wish in self.wishes]

    async def revisions(self, version: str) -> tuple[str, ...]:
        if version == "unknown":
            raise ProvisionError("there is no build 'unknown' here")
        return ()

    async def migrate(self, name: CellName, version: str, limits: MigrationLimits) -> str:
        return "1"


@dataclass(frozen=True)
class ControlPlane:
    address: str
    credential: str
    provisioner: WishList
    admin: "admin_pb2_grpc.AdminAsyncStub"
    directory: "directory_pb2_grpc.DirectoryAsyncStub"
    registration: "directory_pb2_grpc.RegistrationAsyncStub"

    async def heartbeat(self, cell: str, address: str, process_id: str = "p1", **more: Any) -> None:
        endpoint = directory_pb2.Endpoint(address=address, roles=["api", "gateway"], process_id=process_id)
        await self.registration.Heartbeat(directory_pb2.HeartbeatRequest(cell=cell, region="local", endpoint=endpoint, **more), timeout=10)


@asynccontextmanager
async def running_control_plane(database_url: str, folder: Path, place: Provisioner | None = None) -> AsyncIterator[ControlPlane]:
    """`place`: where its cells stand; none: they are only written down."""
    credential = create_credential_file(folder / "cluster-token")
    settings = ControlSettings(
        listen=Address("127.0.0.1", 0),
        health=Address("127.0.0.1", 0),
        database_url=database_url,
        token_file=folder / "cluster-token",
        public_url="http://127.0.0.1:8080",
    )
    provisioner = WishList()
    async with control_plane(settings, place or provisioner) as port:
        address = f"127.0.0.1:{port}"
        async with channel(address, credential) as connected:
            yield ControlPlane(
                address=address,
                credential=credential,
                provisioner=provisioner,
                admin=admin_pb2_grpc.AdminStub(connected),
                directory=directory_pb2_grpc.DirectoryStub(connected),
                registration=directory_pb2_grpc.RegistrationStub(connected),
            )


@asynccontextmanager
async def running_cell(cell: FakeCell, credential: str, port: int = 0) -> AsyncIterator[str]:
    """Yields its address."""
    cell_server = server(credential)
    cell_pb2_grpc.add_CellServicer_to_server(cell, cell_server)
    bound = listen(cell_server, f"127.0.0.1:{port}")
    await cell_server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        await cell_server.stop(None)
