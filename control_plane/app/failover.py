"""Wiring of failovers: the service that takes orders, and the loop that carries them out."""

from collections.abc import Coroutine
from typing import Any

import grpc

from control_plane.failover import CarryingOut, FailoverDesk
from control_plane.registry import Registry
from control_plane.serving.audited import Auditor
from control_plane.serving.cell_doors import CellDoors
from control_plane.serving.failover import FailoverService
from protos.admin.v1 import failover_pb2_grpc


def serve_failover(grpc_server: grpc.aio.Server, registry: Registry, doors: CellDoors, auditor: Auditor) -> Coroutine[Any, Any, None]:
    """Registers the service; returns the loop."""
    failover_pb2_grpc.add_FailoverServicer_to_server(FailoverService(registry, FailoverDesk(registry, doors), auditor), grpc_server)
    return CarryingOut(registry, doors).run()
