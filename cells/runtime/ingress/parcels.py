"""Replies too large for the tunnel wait here until the router comes for them by Carry."""

import asyncio
import secrets

PARCELS_MAX = 256
COLLECT_WITHIN_S = 10.0
CHUNKS_WAITING_MAX = 4
STALLED_S = 30.0


class ParcelAbandoned(Exception):
    """Nobody came for the reply, or whoever came went away; the app that produces it is told by this."""


class Parcel:
    """A body on its way from one app to one collector; holds at most CHUNKS_WAITING_MAX of the app's own chunks."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(16)
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(CHUNKS_WAITING_MAX)
        self._abandoned = False
        self.whole = False
        """The app gave the body to its end; when the chunks end without it, the body was cut short."""

    async def put(self, chunk: bytes) -> None:
        if self._abandoned:
            raise ParcelAbandoned
        async with asyncio.timeout(STALLED_S):
            await self._chunks.put(chunk)

    async def end(self, *, whole: bool) -> None:
        self.whole = whole
        if not self._abandoned:
            async with asyncio.timeout(STALLED_S):
                await self._chunks.put(None)

    async def take(self) -> bytes | None:
        """The next chunk; None at the end (see `whole`)."""
        async with asyncio.timeout(STALLED_S):
            return await self._chunks.get()

    def abandon(self) -> None:
        """Let go of what waits, and of an app that waits to put more."""
        self._abandoned = True
        while not self._chunks.empty():
            self._chunks.get_nowait()


class Parcels:
    """Every parcel that waits; one not collected in COLLECT_WITHIN_S is thrown away."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Parcel, asyncio.TimerHandle]] = {}

    def add(self) -> Parcel | None:
        """A new parcel; None when too many wait."""
        if len(self._waiting) >= PARCELS_MAX:
            return None
        parcel = Parcel()
        timer = asyncio.get_running_loop().call_later(COLLECT_WITHIN_S, self._expire, parcel.token)
        self._waiting[parcel.token] = (parcel, timer)
        return parcel

    def collect(self, token: str) -> Parcel | None:
        """The parcel, once; None when there is none (any more)."""
        found = self._waiting.pop(token, None)
        if found is None:
            return None
        found[1].cancel()
        return found[0]

    def _expire(self, token: str) -> None:
        if (parcel := self.collect(token)) is not None:
            parcel.abandon()

    def __len__(self) -> int:
        return len(self._waiting)
