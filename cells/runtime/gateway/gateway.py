"""The door of a cell for sockets: takes session frames of every link, keeps one feed for each workspace that has sessions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from cells.runtime.bus import Ephemeral
from cells.runtime.bus.links import Link, LinkFull
from cells.runtime.gateway import metrics
from cells.runtime.gateway.closes import CloseCode
from cells.runtime.gateway.conversation import Conversation, Interrupted
from cells.runtime.gateway.feed import WorkspaceFeed
from cells.runtime.gateway.following import follow
from cells.runtime.gateway.limits import Limits
from cells.runtime.gateway.opening import CannotResume, Opening, TurnedAway, handshake_of
from cells.runtime.gateway.passing_on import PassingOn
from cells.runtime.gateway.refusals import not_executed, turned_away
from cells.runtime.gateway.session import Session
from cells.runtime.gateway.snapshots import Snapshots
from cells.runtime.gateway.states import State, Trigger
from cells.runtime.gateway.tasks import spawn
from cells.runtime.log import Tenants
from cells.runtime.tenancy import Draining, Moved, NotExecuted, Overloaded, Suspended, Tenancy, refusal_of
from cells.runtime.workload import Attendance, Ending, Sessions
from chassis.clock import Clock
from chassis.identity import WorkspaceId
from protos.tunnel.v1 import tunnel_pb2

RETRY_AFTER_MS = 500


class Gateway:
    """Implements `SessionDoor`. Made by `open_gateway`."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        tenants: Tenants,
        clock: Clock,
        limits: Limits,
        attendance: Attendance | None = None,
    ) -> None:
        self._workload, self._tenants, self._clock, self._limits = sessions, tenants, clock, limits
        self._attendance = attendance
        self._conversation = Conversation(sessions, clock, limits, self._follow)
        self._sessions: dict[int, dict[int, Session]] = {}
        self._feeds: dict[WorkspaceId, WorkspaceFeed] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._following: set[asyncio.Task[None]] = set()
        self._passing_on = PassingOn(limits, self._following)
        self._slots, self._openings, self._stopping = asyncio.Semaphore(limits.openings_max), 0, False
        self._notes = structlog.get_logger("gateway")
        tenants.table.on_change(self._on_tenancy)
        tenants.ephemerals.listen(self._on_ephemeral)

    @property
    def connections(self) -> int:
        """Sessions of every link, for heartbeats."""
        return sum(len(sessions) for sessions in self._sessions.values())

    def sessions_of(self, workspace_id: WorkspaceId) -> int:
        """Sessions of one workspace, for the doctor."""
        feed = self._feeds.get(workspace_id)
        return len(feed.audience) if feed else 0

    # the door

    async def on_open(self, link: Link, stream: int, open: tunnel_pb2.Open) -> None:
        session = Session(link, stream, WorkspaceId(open.workspace_id))
        self._sessions.setdefault(link.id, {})[stream] = session
        metrics.SESSIONS.inc()
        try:
            with metrics.OPENING.time():
                await self._answer_open(session, open)
        except LinkFull:
            self._cut(link)
        finally:
            if session.state is not State.ACTIVE:
                self._end(session)

    def on_message(self, link: Link, stream: int, message: tunnel_pb2.Message) -> None:
        session = self._sessions.get(link.id, {}).get(stream)
        if session is None or session.state is State.DRAINING:
            return
        if message.binary:
            self._hang_up(session, CloseCode.UNSUPPORTED, "text only")
        elif len(session.inbox) >= self._limits.inbox_messages_max:
            self._hang_up(session, CloseCode.FLOOD, "too many messages at once")
        else:
            session.inbox.append(message.text)
            self._answer_inbox(session)

    def on_close(self, link: Link, stream: int, close: tunnel_pb2.Close) -> None:
        session = self._sessions.get(link.id, {}).get(stream)
        if session is not None:
            self._end(session, gone=not close.moving)

    def on_link_lost(self, link: Link) -> None:
        for session in list(self._sessions.get(link.id, {}).values()):
            self._end(session)

    # opening

    async def _answer_open(self, session: Session, frame: tunnel_pb2.Open) -> None:
        try:
            await self._open(session, frame)
        except NotExecuted as error:
            self._refuse(session, not_executed(error))
        except TurnedAway as error:
            self._refuse(session, turned_away(error.refused))
        except CannotResume as error:
            self._notes.info("session not resumed", workspace=session.workspace_id, reason=str(error))
            self._hang_up(session, error.close_code, error.code)
        except LinkFull:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the router is owed an answer
            self._notes.exception("session not opened", workspace=session.workspace_id, request_id=frame.request_id)
            self._refuse(session, not_executed(Overloaded("the session could not be opened", retry_after_ms=RETRY_AFTER_MS)))

    async def _open(self, session: Session, frame: tunnel_pb2.Open) -> None:
        if self._stopping:
            raise Draining("this process is stopping")
        if self._openings >= self._limits.openings_waiting_max:
            raise Overloaded("too many sessions are being opened", retry_after_ms=RETRY_AFTER_MS)
        self._openings += 1
        try:
            async with self._slots, asyncio.timeout(self._limits.opening_s_max):
                await self._open_now(session, frame)
        finally:
            self._openings -= 1

    async def _open_now(self, session: Session, frame: tunnel_pb2.Open) -> None:
        tenant = self._tenants.require(WorkspaceId(frame.workspace_id), frame.epoch)
        feed = self._feed(tenant.scope.workspace_id)
        feed.openings += 1
        try:
            opening = Opening(session, tenant, feed, self._workload, self._tenants.log, self._clock, self._limits)
            if frame.state:
                await opening.resume(frame.state, frame.resume_seq)
            else:
                await opening.admit(handshake_of(frame))
        finally:
            feed.openings -= 1
            self._rest(feed)
        self._tenants.require(tenant.scope.workspace_id, tenant.scope.epoch)  # it may have left meanwhile
        self._count(session, resumed=bool(frame.state))
        self._answer_inbox(session)

    def _feed(self, workspace_id: WorkspaceId) -> WorkspaceFeed:
        feed = self._feeds.get(workspace_id)
        if feed is None:
            log, snapshots = self._tenants.log, Snapshots(self._workload, self._following)
            feed = WorkspaceFeed(
                workspace_id, log.follow, self._workload.regroupings, self._limits, self._cut, self._on_ending, snapshots, self._following
            )
            self._feeds[workspace_id] = feed
            metrics.FEEDS.inc()
        return feed

    def _rest(self, feed: WorkspaceFeed) -> None:
        """Stop following a workspace that nobody listens to."""
        if not feed.openings and not feed.audience and self._feeds.get(feed.workspace_id) is feed:
            del self._feeds[feed.workspace_id]
            metrics.FEEDS.dec()
            feed.stop()

    def _refuse(self, session: Session, refusal: tunnel_pb2.Refusal) -> None:
        """End the session; its router opens it again where the refusal says, or gives it up."""
        if session.closed:
            return
        metrics.REFUSALS.labels(tunnel_pb2.Refusal.Reason.Name(refusal.reason)).inc()
        self._end(session)
        try:
            session.refuse(refusal)
        except LinkFull:
            self._cut(session.link)

    # talking

    def _answer_inbox(self, session: Session) -> None:
        if session.inbox and not session.answering and session.state is State.ACTIVE:
            session.answering = True
            spawn(self._converse(session), self._answering)

    async def _converse(self, session: Session) -> None:
        try:
            await self._conversation.answer(session)
        except Interrupted as error:
            self._hang_up(session, error.close_code, str(error))
        except LinkFull:
            self._cut(session.link)
        finally:
            session.answering = False

    def _follow(self, session: Session, groups: frozenset[str]) -> None:
        """Raises LinkFull."""
        feed = self._feeds.get(WorkspaceId(session.workspace_id))
        followed = follow(feed.audience, session, groups, self._clock.now_us()) if feed is not None else None
        if self._attendance is not None and followed is not None and session.tenant is not None:
            self._attendance.on_following(session.tenant, *followed)

    def _on_ephemeral(self, said: Ephemeral) -> None:
        if self._attendance is not None and said.key:
            self._attendance.on_heard(WorkspaceId(said.workspace_id), said.key, said.text)
        feed = self._feeds.get(WorkspaceId(said.workspace_id))
        if said.pieces and feed is not None:
            self._passing_on.give_each(feed.audience, said)
            return
        links = feed.audience.links(said.groups) if feed is not None else ()
        if links:
            broadcast = tunnel_pb2.Broadcast(workspace_id=said.workspace_id, groups=said.groups, text=said.text, without=said.without)
            frame = tunnel_pb2.Frame(broadcast=broadcast)
            for link in links:
                self._passing_on.give(link, frame, said.key)

    # who is here

    def _count(self, session: Session, *, resumed: bool) -> None:
        if self._attendance is not None and session.state is State.ACTIVE and session.tenant is not None and session.admitted is not None:
            session.counted = True
            self._attendance.on_arrival(session.tenant, session.admitted, resumed=resumed)

    def _uncount(self, session: Session, *, gone: bool) -> None:
        if self._attendance is not None and session.counted and session.tenant is not None and session.admitted is not None:
            session.counted = False
            self._attendance.on_departure(session.tenant, session.admitted, gone=gone)

    # ending

    def _end(self, session: Session, *, gone: bool = False) -> None:
        """Forget the session; nothing is sent. `gone`: so is its client. May be called again."""
        if session.closed:
            return
        session.advance(Trigger.CLOSE)
        sessions = self._sessions[session.link.id]
        del sessions[session.stream]
        if not sessions:
            del self._sessions[session.link.id]
        metrics.SESSIONS.dec()
        self._uncount(session, gone=gone)
        feed = self._feeds.get(WorkspaceId(session.workspace_id))
        if feed is not None and session.admitted is not None:
            feed.audience.remove(session.admitted.user_id, session)
            self._rest(feed)

    def _hang_up(self, session: Session, code: CloseCode, reason: str) -> None:
        """End the session and its socket."""
        if session.closed:
            return
        self._end(session, gone=True)
        try:
            session.hang_up(code, reason)
        except LinkFull:
            self._cut(session.link)

    def _on_ending(self, session: Session, ending: Ending) -> None:
        self._hang_up(session, CloseCode.EXPIRED, ending.detail)

    def _cut(self, link: Link) -> None:
        """A router that does not keep up loses its tunnel, so that it delays no other; it resumes its sessions."""
        if not link.closed:
            metrics.LINKS_FULL.inc()
            self._notes.warning("link cut: its router does not keep up", link=link.id)
        self.on_link_lost(link)
        link.abort("the router does not keep up")

    def _on_tenancy(self, tenancy: Tenancy) -> None:
        """A workspace that went away takes its sessions with it: each is refused, so that its router opens it where it is now."""
        feed, refusal = self._feeds.get(tenancy.workspace_id), refusal_of(tenancy, tenancy.epoch)
        if feed is not None and isinstance(refusal, Moved | Suspended):
            for session in feed.audience.sessions():
                self._refuse(session, not_executed(refusal))

    async def stop(self) -> None:
        """Take nothing new, let replies under way go out (at most `drain_s_max`), then stop following."""
        self._stopping = True
        for session in self._all():
            if session.state is State.ACTIVE:
                session.advance(Trigger.DRAIN)
            else:
                self._refuse(session, not_executed(Draining("this process is stopping")))
        if self._answering:
            await asyncio.wait(self._answering, timeout=self._limits.drain_s_max)
        for session in self._all():
            self._end(session)
        tasks = self._answering | self._following
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _all(self) -> list[Session]:
        return [session for sessions in self._sessions.values() for session in sessions.values()]


@asynccontextmanager
async def open_gateway(
    *,
    sessions: Sessions,
    tenants: Tenants,
    clock: Clock,
    limits: Limits | None = None,
    attendance: Attendance | None = None,
) -> AsyncIterator[Gateway]:
    gateway = Gateway(sessions=sessions, tenants=tenants, clock=clock, limits=limits or Limits(), attendance=attendance)
    try:
        yield gateway
    finally:
        await gateway.stop()
