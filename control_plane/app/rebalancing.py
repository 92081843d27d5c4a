"""Composition of what levels a fleet: orders, and the runner that carries them out."""

from collections.abc import Callable, Coroutine

import grpc

from chassis.clock import SystemClock
from control_plane.app.settings import ControlSettings
from control_plane.moves import Desk
from control_plane.rebalance import Capacities, Rebalancer, Runner
from control_plane.registry import Registry
from control_plane.serving.audited import Auditor
from control_plane.serving.rebalancing import RebalanceService
from protos.admin.v1 import rebalance_pb2_grpc


def serve_rebalance(
    grpc_server: grpc.aio.Server, registry: Registry, desk: Desk, on_move: Callable[[], None], auditor: Auditor, settings: ControlSettings
) -> Coroutine[None, None, None]:
    """The runner's loop; runs are rows, so each replica has one."""
    room = settings
    capacities = Capacities(room.cell_events_per_s, float(room.cell_connections), room.cell_database_gb * 1e9)
    runner = Runner(registry, desk, on_move, SystemClock(), capacities)
    service = RebalanceService(registry, auditor, Rebalancer(registry, runner.wake, capacities))
    rebalance_pb2_grpc.add_RebalanceServicer_to_server(service, grpc_server)
    return runner.run()
