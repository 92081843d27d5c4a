"""A workspace's events on their way to its sockets: one broadcast frame a link, however many sessions that link has."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import structlog

from cells.runtime.bus.links import Link, LinkFull
from cells.runtime.gateway import metrics
from cells.runtime.gateway.audience import Audience
from cells.runtime.gateway.limits import Limits
from cells.runtime.gateway.recent import RecentEvents
from cells.runtime.gateway.session import Session
from cells.runtime.gateway.snapshots import Snapshots
from cells.runtime.gateway.tasks import spawn
from cells.runtime.log import EVERYONE, LoggedEvent
from cells.runtime.workload import Ending, Regrouping
from chassis.backoff import Backoff
from chassis.identity import WorkspaceId
from protos.tunnel.v1 import tunnel_pb2

Follow = Callable[[WorkspaceId, int], AsyncGenerator[LoggedEvent, None]]
Regroupings = Callable[[LoggedEvent], Sequence[Regrouping | Ending]]


class WorkspaceFeed:
    """Follows the log from the first opening's snapshot on. `position` is the last seq that went to the links.

    Between two awaits of its task an event is wholly delivered or not at all, so whoever enters the audience in one
    synchronous stretch, at `position` or ahead of it, gets every later event once.
    """

    def __init__(
        self,
        workspace_id: WorkspaceId,
        follow: Follow,
        regroupings: Regroupings,
        limits: Limits,
        on_full: Callable[[Link], None],
        on_ending: Callable[[Session, Ending], None],
        snapshots: Snapshots,
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self.workspace_id = workspace_id
        self.audience = Audience()
        self.snapshots = snapshots
        self.openings = 0
        self.position = 0
        self.recent = RecentEvents(0, limits.recent_events_max, limits.recent_bytes_max)
        self._follow, self._workload_says, self._limits = follow, regroupings, limits
        self._on_full, self._on_ending = on_full, on_ending
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        self._moved_on = asyncio.Event()
        self._notes = structlog.get_logger("gateway").bind(workspace=workspace_id)

    def start(self, after_seq: int) -> None:
        """Follow from `after_seq`; nothing to do when it follows already."""
        if self._task is None:
            self.position = after_seq
            self.recent = RecentEvents(after_seq, self._limits.recent_events_max, self._limits.recent_bytes_max)
            self._task = spawn(self._run(), self._tasks)

    def stop(self) -> None:
        """Follow no more; the task ends soon after."""
        if self._task is not None:
            self._task.cancel()

    async def reached(self, seq: int) -> None:
        """Return once `position` is `seq` or beyond."""
        while self.position < seq:
            await self._moved_on.wait()

    def regroupings(self, event: LoggedEvent) -> Sequence[Regrouping]:
        return [change for change in self._said(event) if isinstance(change, Regrouping)]

    def endings(self, event: LoggedEvent) -> Sequence[Ending]:
        return [change for change in self._said(event) if isinstance(change, Ending)]

    def _said(self, event: LoggedEvent) -> Sequence[Regrouping | Ending]:
        """The workload's word; a workload that fails on an event changes no groups by it and stops no feed."""
        try:
            return self._workload_says(event)
        except Exception:  # noqa: BLE001 - one event that the workload cannot read must not silence the workspace
            self._notes.exception("regroupings failed", seq=event.seq, kind=event.kind)
            return ()

    async def _run(self) -> None:
        backoff, attempt = Backoff(), 0
        while True:
            try:
                async with aclosing(self._follow(self.workspace_id, self.position)) as events:
                    async for event in events:
                        self.deliver(event)
                        attempt = 0
            except Exception as error:  # noqa: BLE001 - a feed that ends would leave its sockets silent
                self._notes.warning("feed interrupted", position=self.position, error=repr(error))
            await asyncio.sleep(backoff.delay_s(attempt))
            attempt += 1

    def deliver(self, event: LoggedEvent) -> None:
        """Send the next event to every link that has a listener, with joins before it and leaves after it."""
        if event.seq != self.position + 1:
            raise ValueError(f"event {event.seq} does not follow {self.position}")
        said = self._said(event)
        changes = [change for change in said if isinstance(change, Regrouping)] if said else ()
        self._regroup(event.seq, [change for change in changes if change.joined])
        self._broadcast(event)
        self._regroup(event.seq, [change for change in changes if not change.joined])
        self._move_on(event)
        for ending in (ending for ending in said if isinstance(ending, Ending)):
            self._end(event.seq, ending)

    def _end(self, seq: int, ending: Ending) -> None:
        """Sessions that start past `seq` were let in knowing of it."""
        for session in self.audience.of_user(ending.user_id):
            if session.seq < seq and session.admitted is not None and session.admitted.asked_about in ending.subjects:
                self._on_ending(session, ending)

    def _move_on(self, event: LoggedEvent) -> None:
        self.recent.append(event)
        self.position = event.seq
        metrics.EVENTS.inc()
        news, self._moved_on = self._moved_on, asyncio.Event()
        news.set()

    def _broadcast(self, event: LoggedEvent) -> None:
        links = self.audience.links(event.audience)
        if not links:
            return
        broadcast = tunnel_pb2.Broadcast(workspace_id=self.workspace_id, groups=event.audience, seq=event.seq, text=event.payload)
        frame = tunnel_pb2.Frame(broadcast=broadcast)
        for link in links:
            self._send(link, frame)
        metrics.BROADCASTS.inc(len(links))

    def _regroup(self, seq: int, changes: Sequence[Regrouping]) -> None:
        for change in changes:
            if change.group not in (change.user_id, EVERYONE):
                self._regroup_user(seq, change)

    def _regroup_user(self, seq: int, change: Regrouping) -> None:
        """Sessions that start past `seq` have this change in their groups already."""
        touched: defaultdict[int, list[Session]] = defaultdict(list)
        for session in self.audience.of_user(change.user_id):
            if session.seq < seq and (change.group in session.groups) != change.joined:
                (self.audience.join if change.joined else self.audience.leave)(session, change.group)
                touched[session.link.id].append(session)
        for sessions in touched.values():
            self._send(sessions[0].link, self._regroup_frame(sessions, change))

    def _regroup_frame(self, sessions: Sequence[Session], change: Regrouping) -> tunnel_pb2.Frame:
        group = [change.group]
        return tunnel_pb2.Frame(
            regroup=tunnel_pb2.Regroup(
                workspace_id=self.workspace_id,
                sessions=[session.stream for session in sessions],
                join=group if change.joined else [],
                leave=[] if change.joined else group,
            )
        )

    def _send(self, link: Link, frame: tunnel_pb2.Frame) -> None:
        try:
            link.send(frame)
        except LinkFull:
            self._on_full(link)
