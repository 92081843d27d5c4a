"""Messages from clients to the workload and its replies back, in order for each session."""

import asyncio

import structlog

from cells.runtime.bus.links import LinkFull
from cells.runtime.gateway.closes import CloseCode
from cells.runtime.gateway.limits import Limits
from cells.runtime.gateway.session import Session
from cells.runtime.tenancy import NotExecuted
from cells.runtime.workload import Sessions
from chassis.clock import Clock


class Interrupted(Exception):
    """The conversation is over; the socket is told why."""

    def __init__(self, close_code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.close_code = close_code


class Conversation:
    def __init__(self, sessions: Sessions, clock: Clock, limits: Limits) -> None:
        self._sessions, self._clock, self._limits = sessions, clock, limits
        self._notes = structlog.get_logger("gateway")

    async def answer(self, session: Session) -> None:
        """Answer what is in the inbox until it is empty. Raises Interrupted or LinkFull."""
        while session.inbox and not session.closed:
            for reply in await self._replies(session, session.inbox.popleft()):
                session.tell(reply)

    async def _replies(self, session: Session, text: str) -> list[str]:
        """The workload's; waits while the workspace is held, for a move takes less than a second."""
        give_up_s = self._clock.monotonic_s() + self._limits.hold_s_max
        while True:
            try:
                return await self._ask(session, text)
            except NotExecuted as error:
                if self._clock.monotonic_s() >= give_up_s:
                    raise Interrupted(CloseCode.TRY_LATER, error.code) from error
            await asyncio.sleep(self._limits.hold_pause_s)

    async def _ask(self, session: Session, text: str) -> list[str]:
        if session.tenant is None or session.admitted is None:
            raise Interrupted(CloseCode.FAILED, "session_not_open")
        try:
            async with asyncio.timeout(self._limits.message_s_max):
                return list(await self._sessions.on_message(session.tenant, session.admitted, text))
        except (NotExecuted, LinkFull):
            raise
        except Exception as error:
            self._notes.exception("message failed", workspace=session.workspace_id, user=session.admitted.user_id)
            raise Interrupted(CloseCode.FAILED, "internal_error") from error
