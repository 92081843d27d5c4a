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
    RolloutUnknown,
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
from control_plane.registry.failover_facts import Failover, FailoverStage
from control_plane.registry.flags import FlagRow
from control_plane.registry.heartbeats import CAPACITY_WORKSPACES_DEFAULT, REGION_DEFAULT
from control_plane.registry.load_facts import LoadReport, PlacedLoad, Rest
from control_plane.registry.move_facts import Move, MoveState, MoveStep
from control_plane.registry.paces import StoredPace, is_admitted
from control_plane.registry.rollout_facts import Applier, CellStage, NewRollout, Rollout, RolloutCell, RolloutKind, RolloutState
from control_plane.registry.run_facts import UNDER_WAY, NewRun, Run, RunState, RunStep, StepState
from control_plane.registry.states import CellState, WorkspaceState
from control_plane.registry.vital_signs import Vitals, VitalSigns
from control_plane.registry.workspaces import Draft

__all__ = [
    "CAPACITY_WORKSPACES_DEFAULT",
    "DATABASE_AWAY",
    "REGION_DEFAULT",
    "UNDER_WAY",
    "Applier",
    "AuditEntry",
    "Cell",
    "CellEntry",
    "CellStage",
    "CellState",
    "CellUnknown",
    "Changes",
    "Conflict",
    "Draft",
    "Failover",
    "FailoverStage",
    "FlagRow",
    "FlagUnset",
    "Heartbeat",
    "LoadReport",
    "Move",
    "MoveState",
    "MoveStep",
    "MoveUnknown",
    "NameTaken",
    "NewRollout",
    "NewRun",
    "PlacedLoad",
    "Process",
    "Registry",
    "RegistryError",
    "Report",
    "Rest",
    "Rollout",
    "RolloutCell",
    "RolloutKind",
    "RolloutState",
    "RolloutUnknown",
    "Route",
    "RouterSeen",
    "Run",
    "RunState",
    "RunStep",
    "RunUnknown",
    "StepState",
    "StoredPace",
    "TooManyFlags",
    "TransitionRefused",
    "VitalSigns",
    "Vitals",
    "Workspace",
    "WorkspaceState",
    "WorkspaceUnknown",
    "is_admitted",
    "listening",
    "open_registry",
]
