"""Which cell a new workspace goes to."""

from control_plane.placement.placing import Placement, PlacementRefused, Wish, place

__all__ = ["Placement", "PlacementRefused", "Wish", "place"]
