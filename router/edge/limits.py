"""How much one address, or one workspace, may ask of this process: token buckets, the least recently seen forgotten first."""

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

from prometheus_client import Counter

from chassis.clock import Clock
from chassis.identity import WorkspaceId

KEYS_MAX = 50_000

LIMITED = Counter("waggle_router_ratelimited", "Requests answered with 429", ["by"])


@dataclass(frozen=True, slots=True)
class Rate:
    per_s: float
    """0: no limit."""
    burst: int


class Buckets:
    """One bucket a key. A key not seen for the longest time starts full again when it comes back: memory is bounded by `keys_max`."""

    def __init__(self, rate: Rate, clock: Clock, *, keys_max: int = KEYS_MAX) -> None:
        self._rate = rate
        self._clock = clock
        self._keys_max = keys_max
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str) -> float:
        """0 when the request may pass; else the seconds until one may."""
        if self._rate.per_s <= 0:
            return 0.0
        now_s = self._clock.monotonic_s()
        level, at_s = self._levels.get(key, (float(self._rate.burst), now_s))
        level = min(float(self._rate.burst), level + (now_s - at_s) * self._rate.per_s)
        allowed = level >= 1.0
        self._keep(key, level - 1.0 if allowed else level, now_s)
        return 0.0 if allowed else (1.0 - level) / self._rate.per_s

    def _keep(self, key: str, level: float, now_s: float) -> None:
        self._levels[key] = (level, now_s)
        self._levels.move_to_end(key)
        if len(self._levels) > self._keys_max:
            self._levels.popitem(last=False)


class Limits:
    def __init__(self, clock: Clock, *, address: Rate, loopback: Rate, workspace: Rate) -> None:
        self._addresses = Buckets(address, clock)
        self._loopback = Buckets(loopback, clock)
        self._workspaces = Buckets(workspace, clock)

    def of_address(self, address: str) -> int:
        """0, or whole seconds for Retry-After (at least 1)."""
        buckets = self._loopback if address.startswith("127.") or address == "::1" else self._addresses
        return _seconds(buckets.take(_network(address)), "address")

    def of_workspace(self, workspace_id: WorkspaceId) -> int:
        """0, or whole seconds for Retry-After (at least 1)."""
        return _seconds(self._workspaces.take(workspace_id), "workspace")


def _seconds(wait_s: float, by: str) -> int:
    if wait_s <= 0:
        return 0
    LIMITED.labels(by).inc()
    return max(1, math.ceil(wait_s))


def _network(address: str) -> str:
    # An IPv6 subscriber holds a /64: its addresses are one caller.
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
