"""Which workspace lives in which cell, at which epoch: the rows, the states and the directory's version."""

from control_plane.registry.addresses import Report
from control_plane.registry.database import DATABASE_AWAY, Registry, listening, open_registry
from control_plane.registry.errors import CellUnknown, Conflict, MoveUnknown, NameTaken, RegistryError, TransitionRefused, WorkspaceUnknown
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
from control_plane.registry.heartbeats import CAPACITY_WORKSPACES_DEFAULT, REGION_DEFAULT
from control_plane.registry.move_facts import Move, MoveState, MoveStep
from control_plane.registry.states import CellState, WorkspaceState
from control_plane.registry.vital_signs import Vitals, VitalSigns
from control_plane.registry.workspaces import Draft

__all__ = [
    "CAPACITY_WORKSPACES_DEFAULT",
    "DATABASE_AWAY",
    "REGION_DEFAULT",
    "AuditEntry",
    "Cell",
    "CellEntry",
    "CellState",
    "CellUnknown",
    "Changes",
    "Conflict",
    "Draft",
    "Heartbeat",
    "Move",
    "MoveState",
    "MoveStep",
    "MoveUnknown",
    "NameTaken",
    "Process",
    "Registry",
    "RegistryError",
    "Report",
    "Route",
    "RouterSeen",
    "TransitionRefused",
    "VitalSigns",
    "Vitals",
    "Workspace",
    "WorkspaceState",
    "WorkspaceUnknown",
    "listening",
    "open_registry",
]
