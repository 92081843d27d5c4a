"""Floods of one user, judged by what a window of time holds. Pure: time is given, nothing is stored but in memory."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

WATCHED_MAX = 20_000
"""Things watched in a process; beyond it those quiet for longest are forgotten."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How much of one thing a window takes: `free` at will, up to `slowed` one at a time with `pause_s` between, then none."""

    window_s: float
    free: int
    slowed: int
    pause_s: float


SAME_TEXT = Bound(window_s=600, free=10, slowed=20, pause_s=15)
"""Messages of one user that say the same."""
LINKS = Bound(window_s=60, free=40, slowed=80, pause_s=5)
"""Links in the messages of one user."""


class Verdict(NamedTuple):
    """`wait_s` 0 and not refused: let through."""

    wait_s: float = 0.0
    refused: bool = False


@dataclass(slots=True)
class _Watched:
    passed: deque[tuple[float, int]] = field(default_factory=deque)
    """When, and how many at once."""
    total: int = 0


class Floods:
    """What is let through counts; what is slowed or refused does not, so waiting always helps."""

    def __init__(self) -> None:
        self._watched: OrderedDict[tuple[str, ...], _Watched] = OrderedDict()

    def judge(self, key: tuple[str, ...], bound: Bound, count: int, now_s: float) -> Verdict:
        """Of `count` more; nothing is counted yet."""
        watched = self._watched.get(key)
        if watched is None:
            return Verdict()
        while watched.passed and watched.passed[0][0] <= now_s - bound.window_s:
            watched.total -= watched.passed.popleft()[1]
        if not watched.passed or watched.total + count <= bound.free:
            return Verdict()
        first_s, last_s = watched.passed[0][0], watched.passed[-1][0]
        if watched.total + count > bound.slowed:
            return Verdict(first_s + bound.window_s - now_s, refused=True)
        return Verdict(max(0.0, last_s + bound.pause_s - now_s))

    def count(self, key: tuple[str, ...], count: int, now_s: float) -> None:
        watched = self._watched.setdefault(key, _Watched())
        watched.passed.append((now_s, count))
        watched.total += count
        self._watched.move_to_end(key)
        if len(self._watched) > WATCHED_MAX:
            self._watched.popitem(last=False)
