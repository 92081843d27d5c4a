"""Which workspaces should live elsewhere, so that no cell carries much more than the others; and the runs that bring them there."""

from control_plane.rebalance.ordering import Order, Planned, Rebalancer, RebalanceRefused
from control_plane.rebalance.planner import Bounds, Fleet, Plan, Step, plan
from control_plane.rebalance.policy import RESOURCES, Capacities, Policy
from control_plane.rebalance.running import AT_ONCE_DEFAULT, AT_ONCE_MAX, Mover, Runner

__all__ = [
    "AT_ONCE_DEFAULT",
    "AT_ONCE_MAX",
    "RESOURCES",
    "Bounds",
    "Capacities",
    "Fleet",
    "Mover",
    "Order",
    "Plan",
    "Planned",
    "Policy",
    "RebalanceRefused",
    "Rebalancer",
    "Runner",
    "Step",
    "plan",
]
