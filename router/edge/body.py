"""Request bodies: read whole when they are small, handed on in chunks when they are not, never without a bound in bytes and time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

DISCARD_BYTES_MAX = 16 << 20
DISCARD_S = 5.0

Receive = Callable[[], Awaitable[dict[str, Any]]]


class BodyTooLarge(Exception):
    pass


class BodyTooSlow(Exception):
    pass


class ClientGone(Exception):
    pass


class Body:
    """One request's body. `read_until` first; `rest` then yields everything, what was read included."""

    def __init__(self, receive: Receive, *, bytes_max: int, wait_s: float, whole: bytes | None = None) -> None:
        """`whole`: all of it, where it came with the head; its length was then in the head too, and judged there."""
        self._receive = receive
        self._bytes_max = bytes_max
        self._wait_s = wait_s
        self._parts: list[bytes] = [] if whole is None else [whole]
        self._size = 0 if whole is None else len(whole)
        self._slow = False
        self.complete = whole is not None

    async def read_until(self, size: int) -> bytes:
        """What there is, once it is whole or more than `size` bytes. The time allowed is for all of it."""
        if not self.complete:
            await self._read_until(size)
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    async def _read_until(self, size: int) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                while not self.complete and self._size <= size:
                    self._parts.append(await self._chunk())
        except TimeoutError as error:
            self._slow = True
            raise BodyTooSlow from error

    async def rest(self) -> AsyncGenerator[bytes, None]:
        """All of the body, in chunks; each must come within the time allowed."""
        parts, self._parts = self._parts, []
        for part in parts:
            yield part
        while not self.complete:
            try:
                async with asyncio.timeout(self._wait_s):
                    chunk = await self._chunk()
            except TimeoutError as error:
                raise BodyTooSlow from error
            yield chunk

    async def discard(self) -> None:
        """Read on for a while and forget it: closing on a client that still sends would destroy the answer on its way (RFC 9112, 9.6)."""
        if self._slow:
            return
        self._parts, self._bytes_max = [], self._size + DISCARD_BYTES_MAX
        try:
            async with asyncio.timeout(DISCARD_S):
                while not self.complete:
                    await self._chunk()
        except (TimeoutError, BodyTooLarge, ClientGone):
            return

    async def _chunk(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        self._size += len(chunk)
        if self._size > self._bytes_max:
            raise BodyTooLarge
        self.complete = not message.get("more_body", False)
        return chunk
