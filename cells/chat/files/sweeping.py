"""Removing what nothing takes any more."""

from dataclasses import dataclass

from cells.chat.domain.files.work import ForgetObject
from cells.chat.files.store import ObjectStore
from cells.runtime.workload import Tenant


@dataclass(frozen=True, slots=True)
class Sweeping:
    store: ObjectStore

    async def remove(self, tenant: Tenant, key: str) -> None:
        """An errand. Removing twice is no error, so a worker may die between the two."""
        if key.startswith(f"{tenant.scope.workspace_id}/"):
            await self.store.remove(key)
        await tenant.commit(ForgetObject(key))
