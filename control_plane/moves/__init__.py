"""Moving a workspace: a table of steps, a row that is all the memory there is, and the loop that takes the next step."""

from control_plane.moves.controller import Controller
from control_plane.moves.desk import Desk, MoveRefused, Plan
from control_plane.moves.draining import Drain, Drainer
from control_plane.moves.reaper import Reaper

__all__ = ["Controller", "Desk", "Drain", "Drainer", "MoveRefused", "Plan", "Reaper"]
