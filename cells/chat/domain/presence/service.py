"""What users set about being there and being disturbed."""

from dataclasses import dataclass, replace

from cells.chat.domain.presence.errors import InvalidPresence, MissingDuration, SnoozeNotActive, SnoozeTooLong
from cells.chat.domain.presence.events import dnd_updated, manual_presence_change
from cells.chat.domain.presence.hours import Hours
from cells.chat.domain.presence.presence import Standing
from cells.chat.domain.presence.repository import Standings
from cells.runtime.log import Transaction
from chassis.identity import UserId

SNOOZE_MINUTES_MAX = 24 * 60
MINUTE_US = 60_000_000


def checked_presence(word: str) -> bool:
    """Whether it means away."""
    if word not in ("auto", "away"):
        raise InvalidPresence
    return word == "away"


def checked_minutes(minutes: int | None) -> int:
    if minutes is None or minutes <= 0:
        raise MissingDuration
    if minutes > SNOOZE_MINUTES_MAX:
        raise SnoozeTooLong(f"a snooze lasts at most {SNOOZE_MINUTES_MAX} minutes")
    return minutes


@dataclass(frozen=True, slots=True)
class SetAway:
    """Announced to the user alone, and only where it changes something."""

    user_id: UserId
    away: bool

    async def apply(self, tx: Transaction) -> Standing:
        standings = Standings(tx.connection, tx.scope)
        standing = await standings.get(self.user_id)
        if standing.manual_away != self.away:
            standing = replace(standing, manual_away=self.away)
            await standings.change(self.user_id, standing)
            tx.append(manual_presence_change(self.user_id, standing))
        return standing


@dataclass(frozen=True, slots=True)
class Snooze:
    user_id: UserId
    minutes: int
    """0 ends it."""

    async def apply(self, tx: Transaction) -> Standing:
        standings = Standings(tx.connection, tx.scope)
        standing, now_us = await standings.get(self.user_id), tx.next_ts_us()
        if not self.minutes and standing.snooze_until_us <= now_us:
            raise SnoozeNotActive
        standing = replace(standing, snooze_until_us=now_us + self.minutes * MINUTE_US if self.minutes else 0)
        await standings.change(self.user_id, standing)
        tx.append(dnd_updated(self.user_id, standing, now_us))
        return standing


@dataclass(frozen=True, slots=True)
class SetHours:
    """None: no hours any more."""

    user_id: UserId
    hours: Hours | None

    async def apply(self, tx: Transaction) -> Standing:
        standings = Standings(tx.connection, tx.scope)
        await standings.change(self.user_id, replace(await standings.get(self.user_id), hours=self.hours, ended_us=0))
        standing, now_us = await standings.get(self.user_id), tx.next_ts_us()  # read again: the zone is the user's
        tx.append(dnd_updated(self.user_id, standing, now_us))
        return standing


@dataclass(frozen=True, slots=True)
class EndHours:
    """Those that are on now; the next come as they would. Nothing is said where none are on."""

    user_id: UserId
    now_us: int

    async def apply(self, tx: Transaction) -> Standing:
        standings = Standings(tx.connection, tx.scope)
        standing = await standings.get(self.user_id)
        span_s = standing.undisturbed_s(self.now_us)
        if span_s is None or span_s[0] * 1_000_000 > self.now_us:
            return standing
        now_us = tx.next_ts_us()
        standing = replace(standing, ended_us=now_us)
        await standings.change(self.user_id, standing)
        tx.append(dnd_updated(self.user_id, standing, now_us))
        return standing
