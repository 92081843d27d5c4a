"""Which workspaces an address is in. Kept here so that the answer is whole while cells are down; cells say what changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.identity import WorkspaceId
from control_plane.registry.states import WorkspaceState
from control_plane.registry.tables import address_reports, addresses, workspaces

FOUND_MAX = 500


@dataclass(frozen=True, slots=True)
class Report:
    """All addresses of a workspace, by their hashes, as they were at `seq` of its log."""

    workspace_id: WorkspaceId
    epoch: int
    seq: int
    hashes: Sequence[bytes]


class Addresses:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def replace(self, report: Report) -> bool:
        """False, and nothing is stored, where the workspace is unknown, or a later report, or one of a later owner, was heard before."""
        async with self._engine.begin() as connection:
            known = select(workspaces.c.id).where(workspaces.c.id == report.workspace_id).with_for_update(key_share=True)
            if (await connection.execute(known)).one_or_none() is None:
                return False
            newer = upsert(address_reports).values(workspace_id=report.workspace_id, epoch=report.epoch, seq=report.seq)
            place = {"epoch": newer.excluded.epoch, "seq": newer.excluded.seq}
            is_later = text("(excluded.epoch, excluded.seq) >= (address_reports.epoch, address_reports.seq)")
            stored = newer.on_conflict_do_update(index_elements=["workspace_id"], set_=place, where=is_later)
            if (await connection.execute(stored.returning(address_reports.c.workspace_id))).one_or_none() is None:
                return False
            await connection.execute(delete(addresses).where(addresses.c.workspace_id == report.workspace_id))
            rows = [{"address_hash": found, "workspace_id": report.workspace_id} for found in set(report.hashes)]
            if rows:
                await connection.execute(insert(addresses), rows)
        return True

    async def workspaces_of(self, address_hash: bytes) -> list[str]:
        """The names of those that are served, in order; at most 500."""
        wanted = (
            select(workspaces.c.subdomain)
            .join(addresses, addresses.c.workspace_id == workspaces.c.id)
            .where(addresses.c.address_hash == address_hash, workspaces.c.state == WorkspaceState.ACTIVE)
            .order_by(workspaces.c.subdomain)
            .limit(FOUND_MAX)
        )
        async with self._engine.connect() as connection:
            return list((await connection.execute(wanted)).scalars())
