"""What the registry knows, as frozen facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chassis.flags import FlagSet
from chassis.identity import CellName, ProcessId, WorkspaceId
from control_plane.registry.states import CellState, WorkspaceState
from control_plane.registry.vital_signs import Vitals, VitalSigns, summed

HEARTBEAT_SILENCE_S_MAX = 10.0
"""A process silent for longer is unhealthy."""

MESSAGES_PER_S_FULL = 1_000.0
CONNECTIONS_FULL = 20_000
"""What counts as a full cell beside its workspaces. Chosen, not measured: they only rank cells against one another."""


@dataclass(frozen=True, slots=True)
class Workspace:
    id: WorkspaceId
    subdomain: str
    cell: CellName
    epoch: int
    state: WorkspaceState
    plan: str
    region: str
    pins: Mapping[str, str]
    owner_email: str
    version: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    process_id: ProcessId
    address: str
    roles: tuple[str, ...]
    version: str
    schema_revision: str
    heartbeat_age_s: float
    workspaces: int = 0
    connections: int = 0
    messages_per_s: float = 0.0
    database_bytes: int = 0
    vitals: Vitals | None = None
    """None: it does not tell."""
    flags_version: int = 0
    """Of the flags that it obeys."""
    upkeep: bytes | None = None
    """`directory.v1.Upkeep`, as it told it last; None: it never did."""

    @property
    def healthy(self) -> bool:
        return self.heartbeat_age_s <= HEARTBEAT_SILENCE_S_MAX


@dataclass(frozen=True, slots=True)
class Cell:
    name: CellName
    region: str
    state: CellState
    dedicated: bool
    capacity_workspaces: int
    version: int
    workspaces: int
    """Rows of the registry placed here and not gone."""
    processes: tuple[Process, ...] = ()

    @property
    def healthy(self) -> bool:
        return any(process.healthy for process in self.processes)

    @property
    def load(self) -> float:
        """Share of capacity used, 0 to 1: the fullest of workspaces, connections and messages."""
        living = [process for process in self.processes if process.healthy]
        shares = (
            self.workspaces / self.capacity_workspaces if self.capacity_workspaces else 1.0,
            sum(process.connections for process in living) / CONNECTIONS_FULL,
            sum(process.messages_per_s for process in living) / MESSAGES_PER_S_FULL,
        )
        return min(1.0, max(shares))

    @property
    def vital_signs(self) -> VitalSigns | None:
        """Of the processes heard of in the last 10 s; None when none of them has told."""
        return summed([process.vitals for process in self.processes if process.healthy and process.vitals is not None])

    @property
    def upkeep(self) -> bytes | None:
        """As one of its living workers told it last."""
        return next((process.upkeep for process in self.processes if process.healthy and process.upkeep is not None), None)

    @property
    def database_bytes(self) -> int:
        """Processes of a cell share its database, so the largest report stands."""
        return max((process.database_bytes for process in self.processes), default=0)


@dataclass(frozen=True, slots=True)
class Route:
    """A workspace as routers see it; `state` is active, suspended or gone."""

    workspace_id: WorkspaceId
    subdomain: str
    cell: CellName
    epoch: int
    state: str
    version: int
    """Of the directory, when this was last changed."""


@dataclass(frozen=True, slots=True)
class CellEntry:
    name: CellName
    region: str
    state: CellState
    version: int
    endpoints: tuple[tuple[str, tuple[str, ...], ProcessId], ...]
    """(address, roles, process) of each process."""


@dataclass(frozen=True, slots=True)
class Changes:
    """All that differs between the version asked about and `version`; routes in order of version."""

    registry_id: str
    version: int
    routes: tuple[Route, ...]
    cells: tuple[CellEntry, ...]
    flags: FlagSet | None = None
    """All of them, where one changed."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    cell: CellName
    region: str
    process_id: ProcessId
    address: str
    roles: tuple[str, ...]
    version: str
    schema_revision: str
    workspaces: int
    connections: int
    messages_per_s: float
    database_bytes: int
    draining: bool
    vitals: Vitals | None = None
    flags_version: int = 0
    upkeep: bytes | None = None
    """None: nothing new."""


@dataclass(frozen=True, slots=True)
class RouterSeen:
    router_id: str
    address: str
    version: int
    """Acknowledged."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    at: datetime
    actor: str
    action: str
    target: str
    source: str
    outcome: str
