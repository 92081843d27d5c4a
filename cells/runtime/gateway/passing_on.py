"""What may be lost, on its way to links: at once where a link has room, else the newest of each key, once it has."""

import asyncio
from collections import OrderedDict

from cells.runtime.bus import Ephemeral
from cells.runtime.bus.links import Link
from cells.runtime.gateway import metrics
from cells.runtime.gateway.audience import Audience
from cells.runtime.gateway.limits import Limits
from cells.runtime.gateway.tasks import spawn
from protos.tunnel.v1 import tunnel_pb2

Waiting = OrderedDict[str, tunnel_pb2.Frame]


class PassingOn:
    """Never fills a link's queue: that is for events of the log, which must not be lost."""

    def __init__(self, limits: Limits, tasks: set[asyncio.Task[None]]) -> None:
        self._limits, self._tasks = limits, tasks
        self._waiting: dict[int, Waiting] = {}

    def give(self, link: Link, frame: tunnel_pb2.Frame, key: str) -> None:
        waiting = self._waiting.get(link.id)
        if waiting is None and link.offer(frame):
            metrics.EPHEMERALS.labels("sent").inc()
        elif waiting is not None:
            self._keep(waiting, frame, key)
        else:
            self._waiting[link.id] = waiting = OrderedDict()
            self._keep(waiting, frame, key)
            spawn(self._give_later(link, waiting), self._tasks)

    def give_each(self, audience: Audience, said: Ephemeral) -> None:
        """To each session what concerns it, in one frame."""
        for session in audience.sessions_in(said.groups):
            mine = ",".join(piece for group, piece in said.pieces if group in session.groups)
            message = tunnel_pb2.Message(text=said.text.replace("[]", f"[{mine}]", 1))
            self.give(session.link, tunnel_pb2.Frame(stream=session.stream, message=message), f"{session.stream} {said.key}")

    def _keep(self, waiting: Waiting, frame: tunnel_pb2.Frame, key: str) -> None:
        """Without a key it is worth nothing later."""
        if not key or waiting.pop(key, None) is not None or len(waiting) >= self._limits.ephemerals_waiting_max:
            metrics.EPHEMERALS.labels("dropped").inc()
        if key and len(waiting) < self._limits.ephemerals_waiting_max:
            waiting[key] = frame

    async def _give_later(self, link: Link, waiting: Waiting) -> None:
        try:
            while waiting and not link.closed:
                await link.drain()
                while waiting and link.offer(next(iter(waiting.values()))):
                    waiting.popitem(last=False)
                    metrics.EPHEMERALS.labels("sent").inc()
                await asyncio.sleep(0)
        finally:
            del self._waiting[link.id]
