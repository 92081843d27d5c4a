"""What the router knows of each cell: its tunnels, its breaker, how much is in flight to it."""

import asyncio
import itertools
from collections.abc import Callable

from prometheus_client import Counter, Gauge

from chassis.breaker import Breaker
from chassis.clock import Clock
from protos.tunnel.v1 import tunnel_pb2
from router.forward.errors import CellUnavailable, Overloaded
from router.forward.limits import Limits
from router.forward.tunnels import ChannelOf, Dialler, Tunnel
from router.routes.table import CellEntry, Endpoint, RouteTable

REQUESTS = Gauge("waggle_router_in_flight", "Requests in flight to a cell.", ["cell"])
REFUSED = Counter("waggle_router_refused_total", "Requests not sent to a cell.", ["cell", "why"])


class CellDoor:
    def __init__(self, name: str, clock: Clock, limits: Limits) -> None:
        self.name = name
        self.in_flight = 0
        self.openings = asyncio.Semaphore(limits.openings_max)
        self.breaker = Breaker(clock, limits.breaker_failures_max, limits.breaker_open_s)
        self.diallers: dict[str, Dialler] = {}
        self._limits = limits
        self._turns = itertools.count(1)
        REQUESTS.labels(name).set_function(lambda: self.in_flight)  # read when scraped: a request pays nothing for it

    def pick(self, role: str) -> Tunnel | None:
        """The usable tunnel with the least in flight to a process of this role; of equals, whose turn was the longest ago.

        A cell that is asked little asks all its processes, so a new one that fails is not found out when it is the last one left.
        """
        best, least = None, (1 << 62, 0)
        for dialler in self.diallers.values():
            tunnel = dialler.tunnel
            if tunnel is None or not tunnel.ready or tunnel.leaving:
                continue
            load = (len(tunnel.calls) if role == "api" else len(tunnel.sessions), tunnel.turn)
            if load < least and _plays(tunnel.endpoint, role):
                best, least = tunnel, load
        return best

    def enter(self, role: str) -> Tunnel:
        """Let one request in; pair with `leave`. Raises CellUnavailable or Overloaded at once."""
        tunnel = self.pick(role)
        if tunnel is None:
            REFUSED.labels(self.name, "no tunnel").inc()
            raise CellUnavailable(self.name, f"no process with role {role} can be reached")
        if self.in_flight >= self._limits.in_flight_max:
            REFUSED.labels(self.name, "in flight").inc()
            raise Overloaded(self.name, 1000)
        if not self.breaker.allow():
            REFUSED.labels(self.name, "breaker").inc()
            raise CellUnavailable(self.name, "its circuit breaker is open")
        self.in_flight += 1
        tunnel.turn = next(self._turns)
        return tunnel

    def leave(self) -> None:
        self.in_flight -= 1


def _plays(endpoint: Endpoint, role: str) -> bool:
    return role in endpoint.roles or "all" in endpoint.roles


class Cells:
    """A door for each cell of the route table, each with a dialler for each endpoint; follows the table."""

    def __init__(
        self,
        table: RouteTable,
        *,
        channel_of: ChannelOf,
        hello: tunnel_pb2.Hello,
        clock: Clock,
        limits: Limits,
        on_change: Callable[[], None],
    ) -> None:
        self._table, self._channel_of, self._hello, self._clock, self._limits = table, channel_of, hello, clock, limits
        self._on_change = on_change
        self._doors: dict[str, CellDoor] = {}
        self._stopped: list[Dialler] = []

    def require(self, name: str) -> CellDoor:
        door = self._doors.get(name)
        if door is None:
            raise CellUnavailable(name, "this router has not heard of it")
        return door

    def get(self, name: str) -> CellDoor | None:
        return self._doors.get(name)

    def follow(self) -> None:
        """Dial what the table lists and is not dialled; hang up on what it no longer lists."""
        entries = {entry.name: entry for entry in self._table.cells()}
        for name in self._doors.keys() - entries.keys():
            self._stop(self._doors.pop(name).diallers)
        for entry in entries.values():
            self._follow_cell(entry)

    def _follow_cell(self, entry: CellEntry) -> None:
        door = self._doors.get(entry.name)
        if door is None:
            door = self._doors[entry.name] = CellDoor(entry.name, self._clock, self._limits)
        # A process that restarted at the same address is found by dialling again; only another role needs a new tunnel.
        wanted = {endpoint.address: endpoint for endpoint in entry.endpoints}
        for address in [a for a, d in door.diallers.items() if a not in wanted or wanted[a].roles != d.endpoint.roles]:
            self._stop({address: door.diallers.pop(address)})
        for address in wanted.keys() - door.diallers.keys():
            door.diallers[address] = Dialler(entry.name, wanted[address], self._hello, self._channel_of, self._limits, self._changed)

    def _changed(self, _tunnel: Tunnel) -> None:
        self._on_change()

    def _stop(self, diallers: dict[str, Dialler]) -> None:
        for dialler in diallers.values():
            dialler.cancel()
            self._stopped.append(dialler)
        self._stopped = [dialler for dialler in self._stopped if not dialler.done]

    async def stop(self) -> None:
        for door in self._doors.values():
            self._stop(door.diallers)
        self._doors = {}
        for dialler in self._stopped:
            await dialler.stop()
