"""Which routers follow this replica, and up to which version each has applied what it was told."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from prometheus_client import Gauge

from control_plane.registry import DATABASE_AWAY, Registry, RouterSeen

RECORD_S = 1.0
SILENCE_S_MAX = 10.0
"""What another replica wrote down is believed for this long."""

ROUTERS = Gauge("waggle_control_routers", "Routers that follow this replica")
log = structlog.get_logger("control_plane.directory")


@dataclass(eq=False)
class Follow:
    """One router's stream."""

    router_id: str
    address: str
    version: int

    def acknowledge(self, version: int) -> None:
        self.version = max(self.version, version)


class Acknowledgements:
    def __init__(self) -> None:
        self._follows: dict[str, Follow] = {}
        self._gone: set[str] = set()

    @contextmanager
    def following(self, follow: Follow) -> Iterator[Follow]:
        # A router that came back before its old stream was noticed dead owns the entry; the old stream must not take it away.
        self._follows[follow.router_id] = follow
        self._gone.discard(follow.router_id)
        ROUTERS.set(len(self._follows))
        try:
            yield follow
        finally:
            if self._follows.get(follow.router_id) is follow:
                del self._follows[follow.router_id]
                self._gone.add(follow.router_id)
                ROUTERS.set(len(self._follows))

    def here(self) -> dict[str, RouterSeen]:
        return {follow.router_id: RouterSeen(follow.router_id, follow.address, follow.version) for follow in self._follows.values()}

    async def everywhere(self, registry: Registry) -> tuple[RouterSeen, ...]:
        """Routers of all replicas in order of id; what this replica knows itself is newer than what it wrote down."""
        known = {seen.router_id: seen for seen in await registry.routers.list(silence_s_max=SILENCE_S_MAX)}
        for router_id in self._gone:
            known.pop(router_id, None)
        known |= self.here()
        return tuple(known[router_id] for router_id in sorted(known))

    async def run(self, registry: Registry) -> None:
        """Write it down for the other replicas, every second, until cancelled."""
        while True:
            await asyncio.sleep(RECORD_S)
            gone, here = frozenset(self._gone), self.here()
            if not gone and not here:
                continue
            try:
                await registry.routers.record(here.values(), gone - here.keys())
                self._gone -= gone
            except DATABASE_AWAY as error:
                log.warning("acknowledgements_not_recorded", error=repr(error))
