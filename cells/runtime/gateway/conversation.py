"""Messages from clients to the workload and its replies back, in order for each session."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from cells.runtime.bus.links import LinkFull
from cells.runtime.gateway.closes import CloseCode
from cells.runtime.gateway.limits import Limits
from cells.runtime.gateway.session import Session
from cells.runtime.tenancy import NotExecuted
from cells.runtime.workload import Effect, Passing, Sessions
from chassis.clock import Clock

E = TypeVar("E")
Follow = Callable[[Session, frozenset[str]], None]


class Interrupted(Exception):
    """The conversation is over; the socket is told why."""

    def __init__(self, close_code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.close_code = close_code


class Conversation:
    def __init__(self, sessions: Sessions, clock: Clock, limits: Limits, follow: Follow) -> None:
        self._sessions, self._clock, self._limits, self._follow = sessions, clock, limits, follow
        self._notes = structlog.get_logger("gateway")

    async def answer(self, session: Session) -> None:
        """Answer what is in the inbox until it is empty. Raises Interrupted or LinkFull."""
        while session.inbox and not session.closed:
            for effect in await self._effects(session, session.inbox.popleft()):
                await self._do(session, effect)

    async def _do(self, session: Session, effect: Effect) -> None:
        if isinstance(effect, str):
            session.tell(effect)
        elif isinstance(effect, Passing):
            self._pass_on(session, effect)
        else:
            self._follow(session, effect.groups)
            for reply in await self._bounded(session, effect.then()) if effect.then is not None else ():
                session.tell(reply)

    def _pass_on(self, session: Session, said: Passing) -> None:
        """Only who is in a group may speak to it."""
        if session.tenant is not None and session.groups.issuperset(said.groups):
            session.tenant.tell(said.groups, said.text, without=said.without, key=said.key)

    async def _effects(self, session: Session, text: str) -> Sequence[Effect]:
        """The workload's; waits while the workspace is held, for a move takes less than a second."""
        give_up_s = self._clock.monotonic_s() + self._limits.hold_s_max
        while True:
            try:
                return await self._ask(session, text)
            except NotExecuted as error:
                if self._clock.monotonic_s() >= give_up_s:
                    raise Interrupted(CloseCode.TRY_LATER, error.code) from error
            await asyncio.sleep(self._limits.hold_pause_s)

    async def _ask(self, session: Session, text: str) -> Sequence[Effect]:
        if session.tenant is None or session.admitted is None:
            raise Interrupted(CloseCode.FAILED, "session_not_open")
        return await self._bounded(session, self._sessions.on_message(session.tenant, session.admitted, text))

    async def _bounded(self, session: Session, work: Awaitable[Sequence[E]]) -> Sequence[E]:
        """The workload's work, in at most `message_s_max`; its faults end this session alone."""
        try:
            async with asyncio.timeout(self._limits.message_s_max):
                return await work
        except (NotExecuted, LinkFull):
            raise
        except Exception as error:
            self._notes.exception("message failed", workspace=session.workspace_id)
            raise Interrupted(CloseCode.FAILED, "internal_error") from error
