"""Giving the workspaces of lost cells to cells that were restored from backups, and fencing the lost should they return."""

from control_plane.failover.carrying_out import CarryingOut
from control_plane.failover.desk import FailoverDesk, FailoverRefused
from control_plane.failover.planning import Left, Plan, Step

__all__ = ["CarryingOut", "FailoverDesk", "FailoverRefused", "Left", "Plan", "Step"]
