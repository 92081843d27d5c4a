"""How often a method may be called: Slack's tiers (https://api.slack.com/docs/rate-limits), with room for bursts."""

from dataclasses import dataclass
from enum import IntEnum


class Tier(IntEnum):
    """Calls a minute that Slack promises at least."""

    ONE = 1
    TWO = 20
    THREE = 50
    FOUR = 100
    SPECIAL = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """`burst` calls at once, `per_minute` in the long run. Wide for rtm.connect (tier one): all of an app's sockets come back at once."""

    per_minute: int
    burst: int


ALLOWANCES = {
    Tier.ONE: Allowance(10, 100),
    Tier.TWO: Allowance(20, 60),
    Tier.THREE: Allowance(50, 200),
    Tier.FOUR: Allowance(100, 400),
    Tier.SPECIAL: Allowance(600, 1200),
}
EACH_PLACE = Allowance(60, 300)
"""Of a method that is also limited by one of its arguments: chat.postMessage by its channel."""
