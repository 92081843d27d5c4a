"""Choosing a plan, and holding a workspace to it."""

from dataclasses import dataclass

from cells.chat.domain.plans.errors import MemberLimitExceeded, UnknownPlan
from cells.chat.domain.plans.plan import PLANS, Plan
from cells.chat.domain.plans.repository import Plans
from cells.chat.domain.retention.service import plan_expiry
from cells.runtime.log import Transaction


@dataclass(frozen=True, slots=True)
class ChoosePlan:
    """A change."""

    name: str

    async def apply(self, tx: Transaction) -> Plan:
        if self.name not in PLANS:
            raise UnknownPlan(f"no plan {self.name!r}; there are: {', '.join(PLANS)}")
        now_us = tx.next_ts_us()
        await Plans(tx.connection, tx.scope).change(self.name, now_us)
        await plan_expiry(tx, now_us)
        return PLANS[self.name]


async def require_room_for_member(tx: Transaction) -> None:
    """Exact: asked in the transaction that lets the person in."""
    plans = Plans(tx.connection, tx.scope)
    plan = await plans.get()
    if plan.members is not None and await plans.count_members() >= plan.members:
        raise MemberLimitExceeded(f"the plan {plan.name} has room for {plan.members} people")
