"""What every message passes on its way in: the plan's messages a day, repetition, floods of links.

Kept in the memory of a process, so that a post asks the database nothing for it: with several API processes in a cell each
counts what it lets through, and learns of the others' messages (not of their texts) when it counts the day again.
"""

import math
import re
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

from cells.chat.domain.abuse.errors import Flooding, SlowDown
from cells.chat.domain.abuse.floods import LINKS, SAME_TEXT, Bound, Floods, Verdict
from cells.chat.domain.plans.errors import MessageLimitExceeded
from cells.chat.domain.plans.plan import Plan
from cells.chat.domain.plans.repository import Plans
from cells.runtime.workload import Tenant
from chassis.clock import Clock

REMEMBERED_S = 30.0
"""How long a plan, and the number of messages of the day, are believed."""
WORKSPACES_MAX = 10_000
RETRIES_MAX = 4_096
DAY_US = 86_400_000_000
_LINK = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """A message before it is posted."""

    user_id: str
    text: str
    extras: str | None = None
    retry_key: tuple[str, str, str] | None = None
    """The same again is the same message, sent again."""


@dataclass(slots=True)
class _Day:
    plan: Plan
    read_s: float
    number: int
    messages: int


class Guard:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._days: OrderedDict[str, _Day] = OrderedDict()
        self._floods = Floods()
        self._retries: OrderedDict[tuple[str, ...], None] = OrderedDict()

    async def admit(self, tenant: Tenant, said: Said) -> None:
        """Raises SlowDown, Flooding, MessageLimitExceeded; what is admitted counts as said."""
        workspace_id = str(tenant.scope.workspace_id)
        day = await self._day(tenant)
        if self._is_retry(workspace_id, said):
            return
        if day.plan.messages_a_day is not None and day.messages >= day.plan.messages_a_day:
            raise MessageLimitExceeded(f"the plan {day.plan.name} has {day.plan.messages_a_day} messages a day")
        if day.plan.abuse_checked:
            self._check_floods(workspace_id, said)
        day.messages += 1

    def forget(self, workspace_id: str) -> None:
        """Its plan changed."""
        self._days.pop(workspace_id, None)

    def _check_floods(self, workspace_id: str, said: Said) -> None:
        now_s = self._clock.monotonic_s()
        digest = blake2b(f"{said.text}\x00{said.extras}".encode(), digest_size=16).hexdigest()
        counted: list[tuple[tuple[str, ...], Bound, int]] = [((workspace_id, said.user_id, digest), SAME_TEXT, 1)]
        if links := len(_LINK.findall(said.text)):
            counted.append(((workspace_id, said.user_id), LINKS, min(links, LINKS.free)))
        for key, bound, count in counted:
            _enforce(self._floods.judge(key, bound, count, now_s))
        for key, _, count in counted:
            self._floods.count(key, count, now_s)

    def _is_retry(self, workspace_id: str, said: Said) -> bool:
        if said.retry_key is None:
            return False
        key = (workspace_id, *said.retry_key)
        known = key in self._retries
        self._retries[key] = None
        if len(self._retries) > RETRIES_MAX:
            self._retries.popitem(last=False)
        return known

    async def _day(self, tenant: Tenant) -> _Day:
        workspace_id, now_s, number = str(tenant.scope.workspace_id), self._clock.monotonic_s(), self._clock.now_us() // DAY_US
        day = self._days.get(workspace_id)
        if day is not None and day.read_s + REMEMBERED_S > now_s and day.number == number:
            return day
        async with tenant.reading() as connection:
            plans = Plans(connection, tenant.scope)
            plan = await plans.get()
            messages = 0 if plan.messages_a_day is None else await plans.count_messages(number * DAY_US)
        day = self._days[workspace_id] = _Day(plan, now_s, number, messages)
        self._days.move_to_end(workspace_id)
        if len(self._days) > WORKSPACES_MAX:
            self._days.popitem(last=False)
        return day


def _enforce(verdict: Verdict) -> None:
    if verdict.refused:
        raise Flooding
    if verdict.wait_s > 0:
        raise SlowDown(math.ceil(verdict.wait_s))
