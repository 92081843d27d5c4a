"""How long a guesser waits. Pure.

Failures are counted before the answer is known and taken back where it was right, so a hundred guesses at once count a hundred.
"""

from dataclasses import dataclass
from enum import Enum

FORGOTTEN_S = 24 * 3600
"""Without a failure for so long, counting starts anew."""
DELAY_S_MAX = 15 * 60


class Kind(Enum):
    """What a count is kept of, and how many failures it takes before anybody waits."""

    ACCOUNT = 5
    ADDRESS = 20


@dataclass(frozen=True, slots=True)
class Record:
    failures: int = 0
    last_us: int = 0
    blocked_until_us: int = 0


def after_failure(record: Record, kind: Kind, now_us: int) -> Record:
    """1 s after the first too many, then twice as long each time, to 15 min."""
    fresh = now_us - record.last_us > FORGOTTEN_S * 1_000_000
    failures = 1 if fresh else record.failures + 1
    over = failures - kind.value
    delay_s = min(2 ** min(over - 1, 20), DELAY_S_MAX) if over > 0 else 0
    return Record(failures, now_us, now_us + delay_s * 1_000_000 if delay_s else 0)


def wait_s(record: Record, now_us: int) -> int:
    """Whole seconds until the next try; 0: now."""
    return max(-(-(record.blocked_until_us - now_us) // 1_000_000), 0)
