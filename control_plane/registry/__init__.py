"""Which workspace lives in which cell, at which epoch: the rows, the states and the directory's version."""

from control_plane.registry.addresses import Report
from control_plane.registry.database import DATABASE_AWAY, Registry, listening, open_registry
from control_plane.registry.errors import (
    CellUnknown,
    Conflict,
    FlagUnset,
    MoveUnknown,
    NameTaken,
    RegistryError,
    RunUnknown,
    TooManyFlags,
    TransitionRefused,
    WorkspaceUnknown,
)
from control_plane.registry.facts import (
    AuditEntry,
    Cell,
    CellEntry,
    Changes,
    Heartbeat,
    Process,
    Route,
    RouterSeen,
    Workspace,
)
from control_plane.registry.flags import FlagRow
from control_plane.registry.heartbeats import CAPACITY_WORKSPACES_DEFAULT, REGION_DEFAULT
from control_plane.registry.load_facts import LoadReport, PlacedLoad, Rest
from control_plane.registry.move_facts import Move, MoveState, MoveStep
from control_plane.registry.run_facts import UNDER_WAY, NewRun, Run, RunState, RunStep, StepState
from control_plane.registry.states import CellState, WorkspaceState
from control_plane.registry.vital_signs import Vitals, VitalSigns
from control_plane.registry.workspaces import Draft

__all__ = [
    "CAPACITY_WORKSPACES_DEFAULT",
    "DATABASE_AWAY",
    "REGION_DEFAULT",
    "UNDER_WAY",
    "AuditEntry",
    "Cell",
    "CellEntry",
    "CellState",
    "CellUnknown",
    "Changes",
    "Conflict",
    "Draft",
    "FlagRow",
    "FlagUnset",
    "Heartbeat",
    "LoadReport",
    "Move",
    "MoveState",
    "MoveStep",
    "MoveUnknown",
    "NameTaken",
    "NewRun",
    "PlacedLoad",
    "Process",
    "Registry",
    "RegistryError",
    "Report",
    "Rest",
    "Route",
    "RouterSeen",
    "Run",
    "RunState",
    "RunStep",
    "RunUnknown",
    "StepState",
    "TooManyFlags",
    "TransitionRefused",
    "VitalSigns",
    "Vitals",
    "Workspace",
    "WorkspaceState",
    "WorkspaceUnknown",
    "listening",
    "open_registry",
]
