"""The beginning and the end of a cell on a cluster: the registry hears of it, the cluster does it."""

import asyncio

import grpc

from chassis.identity import CellName
from control_plane.cli.arriving import alive
from control_plane.cli.asking import Admin, ask
from control_plane.cli.cluster_options import OnCluster
from control_plane.cli.cluster_showing import Shown
from control_plane.cli.clusters import Wanted, applied, run
from control_plane.cli.home import home_of
from control_plane.cli.options import Home
from control_plane.cli.printing import progress
from control_plane.cli.taking_up import Claims, begun_or_new
from protos.admin.v1 import admin_pb2


def create(request: admin_pb2.CreateCellRequest, on: OnCluster, wanted: Wanted, *, quiet: bool, home: Home) -> admin_pb2.Cell:
    """On record, then on the cluster, then alive. One that was made halfway before is finished, with a name or without."""
    values = wanted.read() or {}
    request.region = request.region or str(values.get("region") or "")
    with Claims(home_of(home) / "creating") as claims:
        made = ask(home_of(home), lambda admin: _recorded(admin, request) if request.name else begun_or_new(admin, request, claims))
        run(on, lambda cluster: applied(cluster, Wanted(made.name, made.region, wanted.values, wanted.version)), quiet=quiet)
        with progress(f"{made.name} is ready; the control plane waits for its first heartbeat", quiet=quiet):
            return ask(home_of(home), lambda admin: alive(admin, made.name))


def retire(name: str, on: OnCluster, *, delete_data: bool, quiet: bool, home: Home) -> admin_pb2.Cell:
    """The registry refuses while workspaces live there, or could be taken back there; only then the cluster ends it."""
    cell = ask(home_of(home), lambda admin: admin(admin.stub.RetireCell, admin_pb2.CellRef(name=name)))

    async def ending() -> None:
        with Shown(quiet=quiet) as shown:
            await on.provisioner(shown).retire(CellName(name), delete_data=delete_data)

    asyncio.run(ending())
    return cell


async def _recorded(admin: Admin, request: admin_pb2.CreateCellRequest) -> admin_pb2.Cell:
    try:
        return await admin(admin.stub.CreateCell, request)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise
        return await admin(admin.stub.ShowCell, admin_pb2.CellRef(name=request.name))
