"""Letters wait here for their carrier, so that nobody who causes one waits for a mail server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import Counter

from chassis.backoff import Backoff
from chassis.mail.carriers import Carrier
from chassis.mail.letters import Mail

MAILS = Counter("waggle_mails", "Letters by what became of them", ["outcome"])
WAITING_MAX = 1_000
ATTEMPTS_MAX = 4
LEAVING_S_MAX = 5.0


class Mailer:
    """At most once: what waits when the process dies is lost, and is asked for again by whoever misses it."""

    def __init__(self, carrier: Carrier, sender: str, *, waiting_max: int = WAITING_MAX, backoff: Backoff | None = None) -> None:
        self._carrier, self._sender = carrier, sender
        self._waiting: asyncio.Queue[Mail] = asyncio.Queue(waiting_max)
        self._backoff = backoff or Backoff(first_s=1.0, limit_s=30.0)
        self._log = structlog.get_logger("mail")

    def send(self, mail: Mail) -> bool:
        """Returns at once; False where too many wait."""
        try:
            self._waiting.put_nowait(mail)
        except asyncio.QueueFull:
            MAILS.labels("refused").inc()
            return False
        return True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Letters leave while the block runs; at its end those that wait have 5 s."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVING_S_MAX):
                    await self._waiting.join()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            mail = await self._waiting.get()
            try:
                MAILS.labels(await self._carry(mail)).inc()
            finally:
                self._waiting.task_done()

    async def _carry(self, mail: Mail) -> str:
        for attempt in range(ATTEMPTS_MAX):
            try:
                await asyncio.to_thread(self._carrier.carry, mail.message(self._sender))
            except OSError as error:
                self._log.warning("mail not sent", attempt=attempt, error=str(error))
                await asyncio.sleep(self._backoff.delay_s(attempt))
            except Exception:  # noqa: BLE001 - one letter that cannot be written must not stop the others
                self._log.exception("mail cannot be sent")
                return "failed"
            else:
                return "sent"
        return "failed"
