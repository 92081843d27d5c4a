"""What goes through the whole fleet: a schema or a build, in waves, a row being all the memory there is."""

from control_plane.fleet.conductor import Conductor
from control_plane.fleet.desk import FleetDesk, RolloutRefused
from control_plane.fleet.orders import Orders

__all__ = ["Conductor", "FleetDesk", "Orders", "RolloutRefused"]
