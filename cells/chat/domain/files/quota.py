"""How much a workspace may keep, by its plan; and the count, which is exact because it is kept behind the fence."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.files.repository import Files
from cells.chat.domain.plans.plan import GIB, Plan
from cells.chat.domain.plans.repository import Plans
from cells.runtime.tenancy import TenantScope

FILE_BYTES_MAX = {"free": GIB, "standard": 4 * GIB}
"""Of one file. Other plans: as many as there is room for. The edge has a limit of its own, for all."""
ANY_NUMBER = 1 << 62


@dataclass(frozen=True, slots=True)
class Quota:
    plan: Plan
    used_bytes: int

    @property
    def file_bytes_max(self) -> int:
        return FILE_BYTES_MAX.get(self.plan.name, ANY_NUMBER)

    @property
    def free_bytes(self) -> int:
        return ANY_NUMBER if self.plan.storage_bytes is None else max(0, self.plan.storage_bytes - self.used_bytes)


async def quota_of(connection: AsyncConnection, scope: TenantScope) -> Quota:
    return Quota(await Plans(connection, scope).get(), await Files(connection, scope).used_bytes())
