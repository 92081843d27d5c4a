"""Which workspaces should live elsewhere, so that no cell carries much more than the others."""

from control_plane.rebalance.planner import Bounds, Fleet, Plan, Step, plan

__all__ = ["Bounds", "Fleet", "Plan", "Step", "plan"]
