"""Wiring of what goes through the fleet: the service that takes orders, and the loop that carries them out."""

from collections.abc import Coroutine
from importlib.metadata import version
from typing import Any

import grpc

from chassis.clock import SystemClock
from control_plane.fleet import Conductor, FleetDesk, Orders
from control_plane.provision.applied import AppliedCells
from control_plane.provision.interface import Provisioner
from control_plane.registry import Registry
from control_plane.serving.audited import Auditor
from control_plane.serving.fleet import FleetService
from protos.admin.v1 import fleet_pb2_grpc


def serve_fleet(
    grpc_server: grpc.aio.Server, registry: Registry, provisioner: Provisioner | None, auditor: Auditor
) -> tuple[Coroutine[Any, Any, None], ...]:
    """Registers the service; returns the loop, where there is a place to give orders to."""
    elsewhere = isinstance(provisioner, AppliedCells)
    desk, orders = FleetDesk(registry, provisioner, version("waggle"), elsewhere), Orders(registry, elsewhere)
    if provisioner is None:
        fleet_pb2_grpc.add_FleetServicer_to_server(FleetService(registry, desk, auditor, lambda: None, orders), grpc_server)
        return ()
    conductor = Conductor(registry, provisioner, SystemClock(), elsewhere=elsewhere)
    fleet_pb2_grpc.add_FleetServicer_to_server(FleetService(registry, desk, auditor, conductor.wake, orders), grpc_server)
    return (conductor.run(),)
