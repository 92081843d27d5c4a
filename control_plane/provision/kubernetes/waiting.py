"""Waiting for real readiness, with each object's state told, and an end."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from control_plane.provision.kubernetes.cluster import Cluster
from control_plane.provision.kubernetes.errors import NoCluster, NotReady, line_of
from control_plane.provision.kubernetes.manifests import Document, Manifest, Ref
from control_plane.provision.kubernetes.readiness import Phase, Standing, standing

MISSES_MAX = 8

Tell = Callable[[Sequence[Standing]], None]
"""Called with each object's state whenever one changed."""


def untold(_: Sequence[Standing]) -> None:
    """For those who wait without looking."""


@dataclass(frozen=True, slots=True)
class Patience:
    limit_s: float = 600.0
    """For all of a cell's stages together."""
    grace_s: float = 30.0
    """What is stuck that long without a change (a quota, an image) ends the wait."""
    poll_s: float = 1.0


@dataclass
class Waiting:
    """One wait after another, within one limit."""

    cluster: Cluster
    patience: Patience
    tell: Tell = untold
    _began_s: float = field(default_factory=time.monotonic)
    _stuck_since_s: dict[tuple[Ref, str], float] = field(default_factory=dict)
    _told: tuple[Standing, ...] = ()
    _old: frozenset[tuple[str, int]] = frozenset()

    async def begin(self, namespace: str) -> None:
        """What was warned of before is not said of what is applied now."""
        found = await asyncio.to_thread(lambda: list(warnings(self.cluster, namespace)))
        self._old = frozenset(_occurrence(one) for one in found)

    async def ready(self, manifests: Sequence[Manifest]) -> None:
        """Raises the error of what failed or stayed stuck, NotReady at the limit."""
        while True:
            now = await asyncio.to_thread(lambda: self._look(manifests))
            self._show(tuple(now))
            if all(one.phase is Phase.READY for one in now):
                return
            self._give_up_on(now)
            await asyncio.sleep(self.patience.poll_s)

    async def gone(self, left: Callable[[], Sequence[Ref]], what: str) -> None:
        """Until `left` finds nothing. Raises NotReady at the limit."""
        while found := await asyncio.to_thread(left):
            self._show(tuple(Standing(ref, Phase.WAITING, what) for ref in found))
            if self._over():
                raise NotReady(f"{', '.join(map(str, found[:5]))} did not go within {self.patience.limit_s:.0f} s")
            await asyncio.sleep(self.patience.poll_s)

    def _look(self, manifests: Sequence[Manifest]) -> list[Standing]:
        """An API server that restarts meanwhile is waited for; NoCluster is raised at the last of MISSES_MAX looks in a row."""
        for miss in range(1, MISSES_MAX):
            try:
                return [self._standing(one.ref) for one in manifests]
            except NoCluster:
                if self._over():
                    raise
                time.sleep(self.patience.poll_s * miss)
        return [self._standing(one.ref) for one in manifests]

    def _show(self, now: tuple[Standing, ...]) -> None:
        if now != self._told:
            self._told = now
            self.tell(now)

    def _over(self) -> bool:
        return time.monotonic() - self._began_s > self.patience.limit_s

    def _give_up_on(self, now: Sequence[Standing]) -> None:
        for one in now:
            if one.phase is Phase.FAILED or (one.phase is Phase.STUCK and self._stuck_s(one) > self.patience.grace_s):
                raise one.error(f"{one.ref}: {line_of(one.why)}")
        if self._over():
            slow = [f"{one.ref}: {one.why}" for one in now if one.phase is not Phase.READY]
            raise NotReady(f"not ready within {self.patience.limit_s:.0f} s: {line_of('; '.join(slow))}")

    def _stuck_s(self, one: Standing) -> float:
        """How long it has been stuck with the same kind of trouble."""
        return time.monotonic() - self._stuck_since_s.setdefault((one.ref, one.error.code), time.monotonic())

    def _standing(self, ref: Ref) -> Standing:
        live = self.cluster.get(ref)
        found = standing(ref, live)
        if live is None or found.phase is not Phase.WAITING:
            return found
        news = [one for one in warnings(self.cluster, ref.namespace) if _occurrence(one) not in self._old]
        about = [one for one in news if _concerns(one["involvedObject"].get("name", ""), ref.name)]
        return standing(ref, live, pods_of(self.cluster, live), about)


def pods_of(cluster: Cluster, live: Document) -> list[Document]:
    """Of a workload, by its selector."""
    selector = (live.get("spec") or {}).get("selector") or {}
    labels = selector.get("matchLabels") if isinstance(selector, dict) else None
    if not labels:
        return []
    wanted = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return list(cluster.list("v1", "Pod", live["metadata"]["namespace"], labels=wanted))


def warnings(cluster: Cluster, namespace: str) -> Iterator[Document]:
    return cluster.list("v1", "Event", namespace, fields="type=Warning")


def _occurrence(event: Document) -> tuple[str, int]:
    """An event that happens again keeps its uid and counts on."""
    return str(event["metadata"].get("uid")), int(event.get("count") or 0)


def _concerns(name: str, owner: str) -> bool:
    """Of the object, or of what it made: those names begin with its own."""
    return name == owner or name.startswith(f"{owner}-")
