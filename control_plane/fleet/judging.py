"""Whether a cell fares worse than before. Pure: heartbeats' vital signs in, one sentence or nothing out."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from control_plane.registry import VitalSigns

SAMPLES_MAX = 60
"""Kept for the p99; more of them say nothing new."""
ERRORS_MIN = 5
"""Fewer may be somebody's accident."""
ERROR_SHARE_MORE = 0.02
"""So much more than before, of all requests, is worse."""
REQUESTS_MIN = 20
SAMPLES_MIN = 3
"""Below these a p99 is one request's fate."""
P99_TIMES = 2.0
P99_MS_MORE = 200.0
"""Both: twice what it was, and by so much."""
UNREADY_MAX = 3
"""Looks in a row: a database that restarts is not the build's fault at once."""


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen of a cell over some heartbeats."""

    requests: int = 0
    errors: int = 0
    p99s_ms: tuple[float, ...] = ()
    unready: int = 0
    """Looks in a row at which it was not ready, or silent."""

    @property
    def error_share(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    @property
    def p99_ms(self) -> float | None:
        """The middle of the intervals' own; None where too little was asked of it."""
        told = len(self.p99s_ms) >= SAMPLES_MIN and self.requests >= REQUESTS_MIN
        return median(self.p99s_ms) if told else None

    @property
    def of_requests(self) -> "Window":
        """What people were answered, and nothing else."""
        return Window(self.requests, self.errors)

    def with_look(self, signs: VitalSigns | None) -> "Window":
        ready = signs is not None and signs.processes > 0 and signs.ready == signs.processes
        unready = 0 if ready else self.unready + 1
        if signs is None or not signs.requests:
            return Window(self.requests, self.errors, self.p99s_ms, unready)
        p99s = (*self.p99s_ms, signs.p99_ms)[-SAMPLES_MAX:]
        return Window(self.requests + signs.requests, self.errors + signs.errors, p99s, unready)

    def facts(self) -> dict[str, Any]:
        return {"requests": self.requests, "errors": self.errors, "p99s_ms": list(self.p99s_ms), "unready": self.unready}


def window_of(kept: Mapping[str, Any] | None) -> Window:
    if kept is None:
        return Window()
    return Window(kept["requests"], kept["errors"], tuple(kept["p99s_ms"]), kept["unready"])


def worse(before: Window, after: Window) -> str:
    """Why `after` is worse; empty: it is not."""
    if after.unready >= UNREADY_MAX:
        return f"it is not ready, seen {after.unready} times in a row"
    if after.errors >= ERRORS_MIN and after.error_share > before.error_share + ERROR_SHARE_MORE:
        return f"errors rose from {before.error_share:.1%} to {after.error_share:.1%} of requests ({after.errors} of {after.requests})"
    if (
        before.p99_ms is not None
        and after.p99_ms is not None
        and after.p99_ms > max(P99_TIMES * before.p99_ms, before.p99_ms + P99_MS_MORE)
    ):
        return f"p99 rose from {before.p99_ms:.0f} ms to {after.p99_ms:.0f} ms"
    return ""
