"""Holding requests that a cell refused without doing anything, until their workspace opens (again, or elsewhere).

What to do with a refusal is decided purely, by `decide`. Waiting is bounded by number, bytes and time. Of each workspace's
held requests one, the leader, asks again from time to time; the others wait until it got through, or until a route changes.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum

from prometheus_client import Counter, Gauge, Histogram

from chassis.identity import CellName, WorkspaceId
from protos.tunnel.v1 import tunnel_pb2
from router.forward.errors import ForwardError, HoldTimeout, Overloaded, Refused
from router.forward.limits import Limits
from router.routes.table import Route, RouteTable

HELD = Counter("waggle_router_held_total", "Requests and sessions held, by the refusal that first held them.", ["reason"])
HOLDING = Gauge("waggle_router_holding", "Requests and sessions being held.")
HOLDING_BYTES = Gauge("waggle_router_holding_bytes", "Bytes of requests being held.")
HOLD_SECONDS = Histogram(
    "waggle_router_hold_seconds", "How long a request was held.", ["outcome"], buckets=(0.01, 0.03, 0.06, 0.1, 0.3, 0.6, 1, 2, 3, 5)
)

FOLLOWER_POLLS = 10
"""A request that does not lead asks so many times more rarely, in case its leader got a slow answer."""

Refusal = tunnel_pb2.Refusal
_HELD = frozenset((Refusal.FROZEN, Refusal.INCOMING, Refusal.MOVED, Refusal.STALE_EPOCH, Refusal.DRAINING))


class Decision(Enum):
    AGAIN = "again"
    """The route is newer than the one tried, or another process is there: send at once."""
    HOLD = "hold"


def decide(
    refusal: tunnel_pb2.Refusal, tried: Route, now: Route | None, *, alternative: bool, patient: bool = False
) -> Decision | ForwardError:
    """What a refusal means for a request sent along `tried`, when the table says `now` and, with `alternative`, another
    process of the same cell may take it. `patient`: the table may be behind the directory, so a cell that does not know the
    workspace is no last word yet. An error is what the caller gets."""
    reason = refusal.reason
    newer = now is not None and (now.cell, now.epoch) != (tried.cell, tried.epoch)
    if newer or (reason == Refusal.DRAINING and alternative):
        return Decision.AGAIN
    if reason in _HELD or (reason == Refusal.NOT_MINE and patient):
        return Decision.HOLD
    if reason == Refusal.OVERLOADED:
        return Overloaded(tried.cell, refusal.retry_after_ms)
    if reason == Refusal.SUSPENDED:
        return Refused(403, "suspended", refusal.detail)
    if reason == Refusal.UNAUTHORIZED:
        return Refused(refusal.status or 403, "unauthorized", refusal.detail)
    return Refused(404, "not_mine", refusal.detail)


def learn(table: RouteTable, tried: Route, refusal: tunnel_pb2.Refusal) -> None:
    """A cell that says where the workspace went, or that it owns it at a higher epoch, teaches the table."""
    if refusal.reason == Refusal.MOVED and refusal.cell:
        table.learn(WorkspaceId(tried.workspace_id), CellName(refusal.cell), refusal.epoch)
    elif refusal.reason == Refusal.STALE_EPOCH and refusal.epoch > tried.epoch:
        table.learn(WorkspaceId(tried.workspace_id), tried.cell, refusal.epoch)


@dataclass(eq=False, slots=True)
class _Room:
    """The held requests of one workspace."""

    leader: "Held | None" = None
    waiting: dict["Held", asyncio.Future[None]] = field(default_factory=dict)
    inside: int = 0
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once everyone has left; whoever comes then finds another room."""


class Held:
    """One request's place in the room; `until_s` is when its patience ends, on the loop's clock."""

    def __init__(self, room: _Room, workspace_id: str, reason: str, until_s: float) -> None:
        self._room, self._workspace_id, self._reason, self._until_s = room, workspace_id, reason, until_s

    async def wait(self, poll_ms: int) -> None:
        """Return when it is worth asking again. Raises HoldTimeout."""
        loop = asyncio.get_running_loop()
        left_s = self._until_s - loop.time()
        if left_s <= 0:
            raise HoldTimeout(self._workspace_id, self._reason)
        room = self._room
        if room.leader is None:
            room.leader = self
        wait_s = min(left_s, poll_ms / 1000 * (1 if room.leader is self else FOLLOWER_POLLS))
        waiter = room.waiting[self] = loop.create_future()
        timer = loop.call_later(wait_s, _resolve, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            room.waiting.pop(self, None)

    def leave(self, *, through: bool) -> None:
        """`through`: the workspace answers again, so let everyone go; otherwise another one becomes the leader."""
        room = self._room
        if room.leader is self:
            room.leader = None
        if through:
            _wake(room.waiting.values())
        elif room.leader is None:
            _wake(tuple(room.waiting.values())[:1])


class HoldingRoom:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rooms: dict[str, _Room] = {}
        self._requests = 0
        self._bytes = 0

    def __len__(self) -> int:
        return self._requests

    @contextmanager
    def holding(self, route: Route, size_bytes: int, reason: int) -> Iterator[Held]:
        """A place for one request, from its first refusal until it got through or gave up. Raises Overloaded when full."""
        limits = self._limits
        if self._requests >= limits.hold_requests_max or self._bytes + size_bytes > limits.hold_bytes_max:
            raise Overloaded(route.cell, 1000)
        name = Refusal.Reason.Name(Refusal.Reason.ValueType(reason)).lower()
        room = self._rooms.setdefault(route.workspace_id, _Room())
        began_s = asyncio.get_running_loop().time()
        held = Held(room, route.workspace_id, name, began_s + limits.hold_s_max)
        HELD.labels(name).inc()
        self._count(room, 1, size_bytes)
        through = False
        try:
            yield held
            through = True
        finally:
            HOLD_SECONDS.labels("through" if through else "failed").observe(asyncio.get_running_loop().time() - began_s)
            self._count(room, -1, -size_bytes)
            held.leave(through=through)
            if not room.inside:
                room.empty.set()
                self._rooms.pop(route.workspace_id, None)

    async def emptied(self, workspace_id: str, within_s: float) -> None:
        """Return once none of the workspace's requests is held any more, or after `within_s`."""
        room = self._rooms.get(workspace_id)
        if room is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await room.empty.wait()

    def wake(self, workspace_id: str) -> None:
        """The workspace's route changed: let all its requests try."""
        room = self._rooms.get(workspace_id)
        if room is not None:
            _wake(room.waiting.values())

    def wake_all(self) -> None:
        for room in self._rooms.values():
            _wake(room.waiting.values())

    def _count(self, room: _Room, requests: int, size_bytes: int) -> None:
        self._requests += requests
        self._bytes += size_bytes
        room.inside += requests
        HOLDING.inc(requests)
        HOLDING_BYTES.inc(size_bytes)


def _wake(waiters: Iterable[asyncio.Future[None]]) -> None:
    for waiter in tuple(waiters):
        _resolve(waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
