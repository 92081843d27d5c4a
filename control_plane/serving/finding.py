"""Tells the owner of an address, by mail, which workspaces it is in (docs/adr/0015-workspace-finder.md)."""

import asyncio
import re
from collections import OrderedDict

import structlog

from chassis.addresses import address_hash
from chassis.clock import Clock
from chassis.mail import Mail, Mailer
from control_plane.registry import DATABASE_AWAY, Registry

WAITING_MAX = 1_000
EMAIL_CHARACTERS_MAX = 254
PER_HOUR_MAX = 3
"""Letters to one address."""
REMEMBERED_MAX = 10_000
_EMAIL = re.compile(r"[^@\s\x00-\x20]+@[^@\s\x00-\x20]+")
_HOUR_S = 3_600.0

log = structlog.get_logger("control_plane.finding")


class WorkspaceFinder:
    """Whoever asks learns nothing: the question is taken before anything is looked up, and an address that is nowhere gets no mail."""

    def __init__(self, registry: Registry, mailer: Mailer, public_url: str, clock: Clock) -> None:
        self._registry, self._mailer, self._public_url, self._clock = registry, mailer, public_url.rstrip("/"), clock
        self._waiting: asyncio.Queue[str] = asyncio.Queue(WAITING_MAX)
        self._written: OrderedDict[bytes, list[float]] = OrderedDict()

    def ask(self, email: str) -> bool:
        """Returns at once; False where too many questions wait. What is no address is taken too, and leads to nothing."""
        if len(email) > EMAIL_CHARACTERS_MAX or not _EMAIL.fullmatch(email):
            return True
        try:
            self._waiting.put_nowait(email)
        except asyncio.QueueFull:
            return False
        return True

    async def run(self) -> None:
        """Answers one after the other; ends when cancelled."""
        async with self._mailer.running():
            while True:
                email = await self._waiting.get()
                try:
                    await self._answer(email)
                except DATABASE_AWAY as error:
                    log.warning("question_dropped", error=repr(error))

    async def _answer(self, email: str) -> None:
        found = await self._registry.addresses.workspaces_of(address_hash(email))
        if found and self._may_write(address_hash(email)):
            self._mailer.send(letter(email, found, self._public_url))

    def _may_write(self, key: bytes) -> bool:
        now_s = self._clock.monotonic_s()
        recent = [at_s for at_s in self._written.get(key, ()) if now_s - at_s < _HOUR_S]
        if len(recent) >= PER_HOUR_MAX:
            return False
        self._written[key] = [*recent, now_s]
        self._written.move_to_end(key)
        if len(self._written) > REMEMBERED_MAX:
            self._written.popitem(last=False)
        return True


def letter(email: str, names: list[str], public_url: str) -> Mail:
    lines = "\n".join(f"{name}: {public_url}/w/{name}/" for name in names)
    text = f"Your workspaces:\n\n{lines}\n\nYou did not ask? Then somebody typed your address; they were told nothing.\n"
    return Mail(email, "Your workspaces", text)
