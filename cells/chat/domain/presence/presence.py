"""From facts to presence (https://api.slack.com/docs/presence-and-status). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from cells.chat.domain.presence.hours import Hours

AUTO_AWAY_S = 600
FRESH_S = 60
"""A process that has not spoken for its sessions for so long speaks for none any more."""


class Availability(Enum):
    ACTIVE = "active"
    AWAY = "away"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Share:
    """What one process knows of a user, at `written_us`. Times in microseconds since 1970; 0: never."""

    sessions: int
    active_us: int
    written_us: int
    automatic: bool = False
    """A bot: there as long as it is connected, whether it says something or not."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the user set."""

    manual_away: bool = False
    snooze_until_us: int = 0
    hours: Hours | None = None
    ended_us: int = 0
    """When the user last ended hours that were on: what began before is over."""

    def undisturbed_s(self, now_us: int) -> tuple[int, int] | None:
        """The hours that are on, or the next; None for who has none."""
        return self.hours.next(now_us, self.ended_us) if self.hours is not None else None

    def is_undisturbed(self, now_us: int) -> bool:
        span_s = self.undisturbed_s(now_us)
        return self.snooze_until_us > now_us or (span_s is not None and span_s[0] * 1_000_000 <= now_us)


@dataclass(frozen=True, slots=True)
class Presence:
    availability: Availability
    do_not_disturb: bool
    auto_away: bool
    manual_away: bool
    connections: int
    active_us: int

    @property
    def shown(self) -> str:
        """Slack's clients know two words."""
        return "active" if self.availability is Availability.ACTIVE else "away"


def presence_of(shares: Iterable[Share], standing: Standing, now_us: int) -> Presence:
    """Activity counts wherever it was seen, connections only where they were seen of late."""
    known = list(shares)
    fresh = [share for share in known if share.sessions and now_us - share.written_us <= FRESH_S * 1_000_000]
    active_us = max((share.active_us for share in known), default=0)
    idle = now_us - active_us >= AUTO_AWAY_S * 1_000_000
    auto_away = bool(fresh) and idle and not any(share.automatic for share in fresh)
    return Presence(
        availability=_availability(bool(fresh), standing.manual_away or auto_away),
        do_not_disturb=standing.is_undisturbed(now_us),
        auto_away=auto_away,
        manual_away=standing.manual_away,
        connections=sum(share.sessions for share in fresh),
        active_us=active_us,
    )


def _availability(connected: bool, away: bool) -> Availability:
    if not connected:
        return Availability.OFFLINE
    return Availability.AWAY if away else Availability.ACTIVE
