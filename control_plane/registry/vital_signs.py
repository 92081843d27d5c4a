"""How a cell fares, from the last heartbeats of its processes: what moves are paced by and rollouts stopped by."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vitals:
    """One process, over its last interval."""

    interval_s: float
    requests: int
    """Ended in the interval, with those refused for overload."""
    errors: int
    """Of them answered 5xx or refused for overload."""
    p50_ms: float
    p99_ms: float
    """Of requests that ran; 0 where none did."""
    ready: bool
    replication_lag_bytes: int
    """Of its cell's PostgreSQL: the slowest reader of a slot."""
    wal_retained_bytes: int
    """Of its cell's PostgreSQL: what the slots of moves keep, the most of any."""


@dataclass(frozen=True, slots=True)
class VitalSigns:
    """A cell: sums over the processes that were heard of in the last 10 s and tell, the worst of what cannot be summed."""

    processes: int
    ready: int
    """Processes that are."""
    requests: int
    requests_per_s: float
    errors: int
    p50_ms: float
    p99_ms: float
    replication_lag_bytes: int
    wal_retained_bytes: int

    @property
    def error_share(self) -> float:
        """0 to 1."""
        return self.errors / self.requests if self.requests else 0.0


def summed(told: Sequence[Vitals]) -> VitalSigns | None:
    """None when nobody has told: that is no sign of health."""
    if not told:
        return None
    return VitalSigns(
        processes=len(told),
        ready=sum(one.ready for one in told),
        requests=sum(one.requests for one in told),
        requests_per_s=sum(one.requests / max(one.interval_s, 0.001) for one in told),
        errors=sum(one.errors for one in told),
        p50_ms=max(one.p50_ms for one in told),
        p99_ms=max(one.p99_ms for one in told),
        replication_lag_bytes=max(one.replication_lag_bytes for one in told),
        wal_retained_bytes=max(one.wal_retained_bytes for one in told),
    )
