"""A tenancy row as a fact, and what it says to someone who asks for work."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from cells.runtime.tenancy.errors import Frozen, Incoming, Moved, NotExecuted, StaleEpoch, Suspended
from cells.runtime.tenancy.scope import TenantScope
from cells.runtime.tenancy.tables import TenancyState
from chassis.identity import WorkspaceId

HOLD_MS = 50
"""How soon it is worth asking again while a move holds a workspace."""


@dataclass(frozen=True, slots=True)
class Tenancy:
    workspace_id: WorkspaceId
    epoch: int
    state: TenancyState
    seq: int
    last_ts_us: int
    moved_to: str
    secret: bytes
    name: str
    subdomain: str

    @property
    def scope(self) -> TenantScope:
        return TenantScope(self.workspace_id, self.epoch)


def tenancy_of(row: Row[Any]) -> Tenancy:
    return Tenancy(
        workspace_id=WorkspaceId(row.workspace_id),
        epoch=row.epoch,
        state=TenancyState(row.state),
        seq=row.seq,
        last_ts_us=row.last_ts_us,
        moved_to=row.moved_to,
        secret=bytes(row.secret),
        name=row.name,
        subdomain=row.subdomain,
    )


def refusal_of(row: Tenancy, epoch: int) -> NotExecuted | None:
    """Why work at `epoch` is not done here; None when it may be. The newest word is said first: moved, then held, then stale."""
    workspace = f"workspace {row.workspace_id}"
    match row.state:
        case TenancyState.MOVED:
            return Moved(f"{workspace} moved to {row.moved_to}", cell=row.moved_to, epoch=row.epoch)
        case TenancyState.INCOMING if row.moved_to:  # on its way back: until it is here, its owner is where it went
            return Moved(f"{workspace} moved to {row.moved_to}", cell=row.moved_to, epoch=row.epoch)
        case TenancyState.INCOMING:
            return Incoming(f"{workspace} is on its way here", epoch=row.epoch, retry_after_ms=HOLD_MS)
        case TenancyState.FROZEN:
            return Frozen(f"{workspace} is held by a move", epoch=row.epoch, retry_after_ms=HOLD_MS)
        case TenancyState.SUSPENDED:
            return Suspended(f"{workspace} is suspended", epoch=row.epoch)
        case TenancyState.ACTIVE if row.epoch != epoch:
            return StaleEpoch(f"{workspace} is at epoch {row.epoch}, not {epoch}", epoch=row.epoch)
    return None
