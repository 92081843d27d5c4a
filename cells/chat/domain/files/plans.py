"""How much a workspace may keep. The limits of a plan, and the count that is exact because it is kept behind the fence."""

from dataclasses import dataclass
from enum import StrEnum

GIB = 1 << 30


class Plan(StrEnum):
    FREE = "free"
    PRO = "pro"
    BUSINESS = "business"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True)
class Allowance:
    file_bytes_max: int
    storage_bytes_max: int


ALLOWANCES = {
    Plan.FREE: Allowance(256 << 20, 5 * GIB),
    Plan.PRO: Allowance(GIB, 200 * GIB),
    Plan.BUSINESS: Allowance(GIB, 2048 * GIB),
    Plan.ENTERPRISE: Allowance(GIB, 100 * 1024 * GIB),
}
PLAN_DEFAULT = Plan.BUSINESS


@dataclass(frozen=True, slots=True)
class Usage:
    plan: Plan
    used_bytes: int

    @property
    def allowance(self) -> Allowance:
        return ALLOWANCES[self.plan]

    @property
    def free_bytes(self) -> int:
        return max(0, self.allowance.storage_bytes_max - self.used_bytes)
