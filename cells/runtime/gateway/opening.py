"""How a session gets in: admitted or resumed, given what it missed, and put into its groups at an exact place in the log.

The snapshot of its groups has a place H in the log, the workspace's feed another, P. A new session starts at H; what lies
between H and P is replayed to it, and where the feed lags (P < H) `Opened.seq` = H makes the router pass over the rest.
A resumed session starts at the seq R that its socket was last given (the router says it, or a client that comes back by
itself): its groups are taken back from H to R by the inverse of the regroupings on the way, then replayed forwards. Why
this is exact: docs/adr/0006-sessions-and-groups.md.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_to_bytes

from cells.runtime.gateway import metrics
from cells.runtime.gateway.closes import CloseCode
from cells.runtime.gateway.cursor import Cursor, Rewinding, groups_of
from cells.runtime.gateway.feed import WorkspaceFeed
from cells.runtime.gateway.following import state_of
from cells.runtime.gateway.limits import Limits
from cells.runtime.gateway.replay import Replay
from cells.runtime.gateway.resume import StateRefused, verified
from cells.runtime.gateway.session import Session
from cells.runtime.gateway.states import Trigger
from cells.runtime.log import LoggedEvent, WorkspaceLog
from cells.runtime.workload import Admitted, Handshake, Refused, Sessions, Tenant
from chassis.clock import Clock
from chassis.errors import WaggleError
from protos.tunnel.v1 import tunnel_pb2


class TurnedAway(WaggleError):
    """The workload did not let the session in."""

    code = "not_authed"

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.detail)
        self.refused = refused


class CannotResume(WaggleError):
    """The socket must be closed with `close_code`; its client starts anew."""

    code = "cannot_resume"

    def __init__(self, close_code: CloseCode, detail: str) -> None:
        super().__init__(detail)
        self.close_code = close_code


@dataclass(frozen=True, slots=True)
class Opening:
    """One session's way in. Every method may raise NotExecuted, TurnedAway, CannotResume, LinkFull, or what the database raises."""

    session: Session
    tenant: Tenant
    feed: WorkspaceFeed
    sessions: Sessions
    log: WorkspaceLog
    clock: Clock
    limits: Limits

    async def admit(self, handshake: Handshake) -> None:
        admitted = await self.sessions.admit(self.tenant, handshake)
        if isinstance(admitted, Refused):
            raise TurnedAway(admitted)
        if admitted.after_seq is not None:
            await self._resume(admitted, admitted.after_seq)
            return
        head, groups = await self._snapshot(admitted)
        await self._enter(self._greeted(self._replay(admitted, Cursor(admitted.user_id, head, groups, self.feed.regroupings))))

    async def resume(self, state: bytes, resume_seq: int) -> None:
        """Raises CannotResume when the state does not hold or too much was missed."""
        await self._resume(self._verified(state), resume_seq)

    async def _resume(self, admitted: Admitted, resume_seq: int) -> None:
        """Raises CannotResume when more than `replay_events_max` events were missed, or some `replay_age_s_max` ago."""
        self.session.advance(Trigger.RESUME)
        head, groups = await self._snapshot(admitted)
        if not 0 <= head - resume_seq <= self.limits.replay_events_max:
            raise CannotResume(CloseCode.RELOAD, f"{head - resume_seq} events lie between the session and the log")
        rewinding = Rewinding(admitted.user_id, self.feed.regroupings)
        async for page in self._pages(resume_seq, head):
            if page[0].seq == resume_seq + 1:
                self._check_age(page[0])
            rewinding.read(page)
        cursor = Cursor(admitted.user_id, resume_seq, rewinding.groups(groups), self.feed.regroupings)
        replay = self._greeted(self._replay(admitted, cursor))
        await self._catch_up(replay, head)
        await self._enter(replay)
        metrics.REPLAYED.observe(cursor.seq - resume_seq)

    async def _snapshot(self, admitted: Admitted) -> tuple[int, frozenset[str]]:
        found = await self.feed.snapshots.of(self.tenant, admitted.asked_about)
        if found.groups is None:
            raise TurnedAway(Refused(403, "the account is inactive"))
        self.feed.start(found.head)
        return found.head, groups_of(admitted.user_id, found.groups)

    def _verified(self, state: bytes) -> Admitted:
        limit_s = self.limits.state_age_s_max
        try:
            found = verified(state, self.tenant.scope, self.tenant.secret, self.clock.now_us(), limit_s)
        except StateRefused as error:
            raise CannotResume(CloseCode.EXPIRED, str(error)) from error
        return Admitted(found.user_id, facts=found.facts, following=found.following, subject=found.subject)

    def _replay(self, admitted: Admitted, cursor: Cursor) -> Replay:
        cursor.groups |= admitted.following
        self.session.tenant, self.session.admitted = self.tenant, admitted
        text = state_of(admitted, self.tenant, self.clock.now_us())
        return Replay(self.session, cursor, text, self.feed.workspace_id, self.limits.replay_frame_bytes_max)

    def _greeted(self, replay: Replay) -> Replay:
        """What the workload says first stands before the first event, whose place it names."""
        admitted = self.session.admitted
        for message in admitted.messages if admitted is not None else ():
            replay.add(message, replay.cursor.seq)
        return replay

    def _check_age(self, first_missed: LoggedEvent) -> None:
        age_s = (self.clock.now_us() - first_missed.ts_us) / 1_000_000
        if age_s > self.limits.replay_age_s_max:
            raise CannotResume(CloseCode.RELOAD, f"the first event missed is {age_s:.0f} s old")

    async def _enter(self, replay: Replay) -> None:
        """Catch up with the feed, then enter the audience without an await between the two."""
        while not (replay.cursor.seq == self.feed.position or (replay.whole and replay.cursor.seq > self.feed.position)):
            if replay.cursor.seq > self.feed.position:
                await self.feed.reached(replay.cursor.seq)
            else:
                await self._catch_up(replay, self.feed.position)
        if self.session.closed:
            return
        self.session.seq, self.session.groups = replay.cursor.seq, replay.cursor.groups
        self.feed.audience.add(replay.cursor.user_id, self.session)
        self.session.advance(Trigger.OPENED)
        replay.finish()

    async def _catch_up(self, replay: Replay, upto: int) -> None:
        async for page in self._pages(replay.cursor.seq, upto):
            for event in page:
                self._check_ending(event)
                if replay.cursor.take(event):
                    replay.add(event.payload, event.seq)
                if replay.large:
                    await replay.flush()

    def _check_ending(self, event: LoggedEvent) -> None:
        """What would have ended the session had it been open keeps it from opening."""
        admitted = self.session.admitted
        for ending in self.feed.endings(event):
            if admitted is not None and admitted.user_id == ending.user_id and admitted.asked_about in ending.subjects:
                raise TurnedAway(Refused(403, ending.detail))

    async def _pages(self, after: int, upto: int) -> AsyncIterator[list[LoggedEvent]]:
        """Every event in (after, upto], from memory where the feed still has it, else from the log."""
        while after < upto:
            page = self.feed.recent.after(after) or await self._read_page(after)
            wanted = page[: upto - after]
            after = wanted[-1].seq
            yield wanted

    async def _read_page(self, after: int) -> list[LoggedEvent]:
        """From the log; the feed remembers it for those who come after."""
        page = await self.log.read(self.tenant.scope, after, self.limits.replay_page_events_max)
        if not page or page[0].seq != after + 1:
            raise CannotResume(CloseCode.RELOAD, f"the log no longer holds event {after + 1}")
        self.feed.recent.recall(page)
        return page


def handshake_of(frame: tunnel_pb2.Open) -> Handshake:
    """What the client's upgrade said."""
    return Handshake(
        path=unquote_to_bytes(frame.path).decode("utf-8", "replace"),
        query=dict(parse_qsl(frame.query.decode("latin-1"))),
        headers=[(header.name, header.value) for header in frame.headers],
        client=frame.client,
        scheme=frame.scheme,
        request_id=frame.request_id,
    )
