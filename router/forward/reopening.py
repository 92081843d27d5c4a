"""Keeping sessions alive: when a tunnel breaks, a process leaves or a workspace moves, each session is opened elsewhere with
its state and the seq its socket was last given. Jittered, bounded in number at a time and in time."""

import asyncio
import random

import structlog
from prometheus_client import Counter

from chassis.identity import WorkspaceId
from chassis.stream import StreamFull
from protos.tunnel.v1 import tunnel_pb2
from router.forward.cells import Cells
from router.forward.errors import CellUnavailable, DeadlineExceeded, ForwardError, Overloaded
from router.forward.hold import HoldingRoom, decide, learn
from router.forward.limits import Limits
from router.forward.sessions import GOING_AWAY, RoutedSession, TunnelLost
from router.forward.sockets import SocketSink
from router.forward.tunnels import Tunnel
from router.routes.table import Route, RouteTable

REOPENED = Counter("waggle_router_reopened_total", "Sessions opened again elsewhere.", ["outcome"])
SERVICE_RESTART, TRY_LATER = 1012, 1013
_log = structlog.get_logger("router.forward")


async def try_open(session: RoutedSession, tunnel: Tunnel, route: Route, opening_s_max: float) -> tunnel_pb2.Refusal | None:
    """Open (or resume) on this tunnel: None when it is open, or the refusal. Raises ForwardError; the session is then on no tunnel."""
    try:
        async with asyncio.timeout(opening_s_max):
            outcome = await session.begin(tunnel, route.epoch)
        if outcome is None:
            return None
    except StreamFull:
        raise Overloaded(route.cell, 100) from None
    except TimeoutError:
        session.leave_tunnel(GOING_AWAY, "too late")
        raise DeadlineExceeded(route.cell) from None
    except TunnelLost:
        session.leave_tunnel(GOING_AWAY, "lost")
        raise CellUnavailable(route.cell, "the tunnel broke", executed_maybe=True) from None
    except BaseException:
        session.leave_tunnel(GOING_AWAY, "never opened")
        raise
    session.leave_tunnel(GOING_AWAY, "refused")
    if isinstance(outcome, tunnel_pb2.Close):
        raise CellUnavailable(route.cell, f"closed before it opened: {outcome.code} {outcome.reason}", executed_maybe=True)
    return outcome


class Reopening:
    """Every session of this router, and the tasks of those between two processes."""

    cells: Cells

    def __init__(self, table: RouteTable, limits: Limits, holding: HoldingRoom) -> None:
        self._table, self._limits, self._holding = table, limits, holding
        self._sessions: dict[WorkspaceId, set[RoutedSession]] = {}
        self._turns = asyncio.Semaphore(limits.reopening_max)
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return sum(map(len, self._sessions.values()))

    def adopt(self, opening: tunnel_pb2.Open, sink: SocketSink) -> RoutedSession:
        session = RoutedSession(opening, sink, self._limits, on_homeless=self._on_homeless, on_end=self._on_end)
        self._sessions.setdefault(session.workspace_id, set()).add(session)
        return session

    def wake(self) -> None:
        """A tunnel came or went: whoever waits for one looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def on_route(self, workspace_id: WorkspaceId) -> None:
        """Sessions of a workspace that now lives elsewhere follow it; those between two processes look again."""
        self.wake()
        route = self._table.get(workspace_id)
        for session in tuple(self._sessions.get(workspace_id, ())):
            tunnel = session.tunnel
            if route is not None and tunnel is not None and tunnel.cell != route.cell and session.opening is None:
                self._on_homeless(session)

    async def stop(self) -> None:
        tasks = []
        for session in [session for sessions in self._sessions.values() for session in sessions]:
            if session.reopening is not None:
                tasks.append(session.reopening)
            session.end(SERVICE_RESTART, "service restart")
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_end(self, session: RoutedSession) -> None:
        sessions = self._sessions.get(session.workspace_id)
        if sessions is not None:
            sessions.discard(session)
            if not sessions:
                del self._sessions[session.workspace_id]

    def _on_homeless(self, session: RoutedSession) -> None:
        if session.reopening is None and session.opened and not session.closed:
            session.reopening = asyncio.create_task(self._reopen(session))

    async def _reopen(self, session: RoutedSession) -> None:
        try:
            await self._wander(session)
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - the socket must not hang on a fault of ours
            _log.exception("a session could not be opened again", workspace=session.workspace_id)
            session.reopening = None
            session.end(SERVICE_RESTART, "service restart")
        else:
            session.reopening = None

    async def _wander(self, session: RoutedSession) -> None:
        """From process to process, until one takes the session or patience ends."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._limits.reopen_s_max
        await self._holding.emptied(session.workspace_id, self._limits.reopen_after_held_s_max)
        await asyncio.sleep(random.uniform(0, self._limits.reopen_jitter_s))  # noqa: S311 - jitter, not a secret
        attempt = 0
        while not session.closed:
            changed = self._changed
            error = await self._try(session)
            if error is None:
                REOPENED.labels("resumed").inc()
                return
            served = session.tunnel is not None  # by the process that is leaving, for as long as it does
            if not _passing(error) or (loop.time() >= until_s and not served):
                REOPENED.labels("closed").inc()
                session.end(SERVICE_RESTART if not isinstance(error, Overloaded) else TRY_LATER, "service restart")
                return
            await self._pause(changed, self._limits.reopen.delay_s(attempt))
            attempt += 1

    async def _pause(self, changed: asyncio.Event, delay_s: float) -> None:
        """Until something changed, or the delay is over; a change is worth a moment of jitter only."""
        try:
            async with asyncio.timeout(delay_s):
                await changed.wait()
            await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - jitter, not a secret
        except TimeoutError:
            return

    async def _try(self, session: RoutedSession) -> ForwardError | None:
        """One try; None when the session has a home (again)."""
        route = self._table.get(session.workspace_id)
        if route is None:
            return CellUnavailable("?", "the workspace has no route")
        if _at_home(session, route):
            return None
        try:
            async with self._turns:
                tunnel = self.cells.require(route.cell).pick("gateway")
                if tunnel is None:
                    return CellUnavailable(route.cell, "no gateway can be reached")
                refusal = await try_open(session, tunnel, route, self._limits.opening_s_max)
        except ForwardError as error:
            return error
        if refusal is None:
            return None
        learn(self._table, route, refusal)
        decision = decide(refusal, route, self._table.get(route.workspace_id), alternative=False, patient=True)
        return decision if isinstance(decision, ForwardError) else CellUnavailable(route.cell, refusal.detail)


def _at_home(session: RoutedSession, route: Route) -> bool:
    tunnel = session.tunnel
    return tunnel is not None and tunnel.usable and tunnel.cell == route.cell and session.opening is None


def _passing(error: ForwardError) -> bool:
    return isinstance(error, CellUnavailable | Overloaded | DeadlineExceeded)
