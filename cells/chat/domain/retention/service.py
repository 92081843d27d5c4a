"""Messages go some time after they were said: a few at a time, each time as a change of the workspace like any other.

So it is fenced, told in the log, followed by search and by moves, and done once whoever dies. What waits is a row of `due`.
"""

from collections import defaultdict
from dataclasses import dataclass

from prometheus_client import Counter

from cells.chat.domain.audits.service import SYSTEM, note
from cells.chat.domain.plans.repository import Plans
from cells.chat.domain.retention.errors import InvalidRetention
from cells.chat.domain.retention.events import messages_expired
from cells.chat.domain.retention.repository import Retentions
from cells.runtime.jobs import drop_due, plan_due
from cells.runtime.log import Transaction

DUE = "messages.expire"
ALL = "all"
"""The key: one row a workspace."""
DAYS_MAX = 36_500
DAY_US = 86_400 * 1_000_000
PART_MAX = 200
"""Messages in one change: people's posts wait behind it, 25 ms on two busy cores."""
PAUSE_US = 500_000
"""Between two parts, so that at most 400 a second go of a workspace."""
ROUND_US = 6 * 3_600 * 1_000_000
"""How long a message may outlive its time before it is looked for."""

EXPIRED = Counter("waggle_messages_expired", "Messages deleted because they were kept long enough")


@dataclass(frozen=True, slots=True)
class Kept:
    days: int | None
    """None: for ever."""
    said_by: str
    """workspace | plan"""


@dataclass(frozen=True, slots=True)
class KeepMessages:
    """A change: what is older goes from now on; None takes the workspace's own word back, and the plan's holds."""

    days: int | None

    async def apply(self, tx: Transaction) -> Kept:
        if self.days is not None and not 1 <= self.days <= DAYS_MAX:
            raise InvalidRetention(f"messages are kept for 1 to {DAYS_MAX} days, or for as long as the plan says")
        now_us, retentions = tx.next_ts_us(), Retentions(tx.connection, tx.scope)
        if self.days is None:
            await retentions.remove()
        else:
            await retentions.put(self.days, now_us)
        await note(tx, SYSTEM, "retention.set", "", detail="as the plan says" if self.days is None else f"{self.days} days")
        await plan_expiry(tx, now_us)
        return await kept(tx)


async def kept(tx: Transaction) -> Kept:
    own = await Retentions(tx.connection, tx.scope).days()
    return Kept(own, "workspace") if own is not None else Kept((await Plans(tx.connection, tx.scope).get()).message_days, "plan")


async def plan_expiry(tx: Transaction, now_us: int) -> None:
    """Look at once where anything can go; never where nothing ever does."""
    if (await kept(tx)).days is None:
        await drop_due(tx, DUE, ALL)
    else:
        await plan_due(tx, DUE, ALL, now_us)


async def expire_messages(tx: Transaction, key: str) -> None:
    """Take one part away and plan the next one."""
    days = (await kept(tx)).days
    if days is None:
        return
    now_us, retentions = tx.next_ts_us(), Retentions(tx.connection, tx.scope)
    gone = await retentions.expired(now_us - days * DAY_US, PART_MAX)
    if gone:
        await retentions.take_away(gone, now_us)
        by_channel: dict[str, list[int]] = defaultdict(list)
        for one in gone:
            by_channel[one.channel_id].append(one.ts_us)
        for channel_id, ts_us in by_channel.items():
            tx.append(messages_expired(channel_id, ts_us, now_us))
        EXPIRED.inc(len(gone))
    await plan_due(tx, DUE, key, now_us + (PAUSE_US if len(gone) == PART_MAX else ROUND_US))
