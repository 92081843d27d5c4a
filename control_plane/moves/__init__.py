"""Moving a workspace: a table of steps, a row that is all the memory there is, and the loop that takes the next step."""

from control_plane.moves.budget import WalBudget
from control_plane.moves.controller import Controller
from control_plane.moves.desk import Desk, MoveRefused, Plan
from control_plane.moves.draining import Drain, Drainer
from control_plane.moves.estimating import Prediction, Progress, predict, progress
from control_plane.moves.pacer import Pacer
from control_plane.moves.pausing import PauseFolder
from control_plane.moves.reaper import Reaper
from control_plane.moves.steps import no_pause

__all__ = [
    "Controller",
    "Desk",
    "Drain",
    "Drainer",
    "MoveRefused",
    "Pacer",
    "PauseFolder",
    "Plan",
    "Prediction",
    "Progress",
    "Reaper",
    "WalBudget",
    "no_pause",
    "predict",
    "progress",
]
