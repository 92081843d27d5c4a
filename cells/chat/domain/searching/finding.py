"""A search from its text to the messages and files it finds, in the eyes of one user at one moment."""

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.files.repository import Files
from cells.chat.domain.searching.resolving import Asker, needle_of
from cells.chat.domain.searching.sight_repository import Sight
from cells.chat.domain.searching.turns import Turns
from cells.chat.domain.users.zones import zone_face
from cells.chat.search.engines import Engines, widened
from cells.chat.search.hits import TOTAL_MAX, Found, Hit, Order, Question
from cells.chat.search.parsing import parse
from cells.chat.search.query import Needle, Sought
from cells.runtime.tenancy import TenantScope

Snapshot = AsyncConnection
"""What a search and the showing of what it found read in."""
KEPT_S = 2
"""How long an answer may be given again to the same user, as long as what they may see is the same."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Found).decode


class Remembering(Protocol):
    async def get(self, key: str) -> bytes | None: ...

    async def keep(self, key: str, value: bytes, ttl_s: int) -> None: ...


class Library(Protocol):
    """The engines that know a workspace well enough to answer for it; they are asked in turn."""

    @property
    def turns(self) -> Turns: ...

    async def engines(self, connection: AsyncConnection, scope: TenantScope) -> Engines: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """`sees_public`: public channels without having joined them."""

    text: str
    user_id: str
    sees_public: bool
    order: Order
    ascending: bool
    first: int
    size: int
    now_us: int


@dataclass(frozen=True, slots=True)
class Searched:
    """`sought`: the words that messages were found by."""

    sought: Sequence[Sought]
    messages: Found
    files: Found


class Finding:
    def __init__(self, library: Library, remembered: Remembering) -> None:
        self._library = library
        self._remembered = remembered
        self.turn = library.turns.turn

    async def find(self, connection: AsyncConnection, scope: TenantScope, wish: Wish, *, messages: bool, files: bool) -> Searched:
        """Everything in one snapshot: what may be seen is asked first, and nothing else is looked at."""
        sight = Sight(connection, scope)
        view = await sight.view(wish.user_id, sees_public=wish.sees_public)
        zone, seen = zone_face(view.zone, wish.now_us), view.channels
        asked = parse(wish.text, _day(wish.now_us, zone["tz_offset"]), zone["tz_offset"])
        if asked.is_empty:
            return Searched((), Found(), Found())
        needle = await needle_of(asked, Asker(wish.user_id, seen), sight)
        question = Question(needle, seen, wish.order, wish.ascending, wish.first, wish.size)
        search = _Search(connection, scope, wish, await self._library.engines(connection, scope), self._remembered)
        sought, found = await search.messages(question) if messages else ((), Found())
        return Searched(sought, found, await search.files(question) if files else Found())


@dataclass(frozen=True, slots=True)
class _Search:
    connection: AsyncConnection
    scope: TenantScope
    wish: Wish
    engines: Engines
    remembered: Remembering

    async def messages(self, question: Question) -> tuple[Sequence[Sought], Found]:
        """Whole words first; where they find nothing, what has them as a part. With the words that were found by."""
        found = await self._kept(question)
        wider = None if found.total else widened(question.needle)
        if wider is None:
            return question.needle.sought, found
        return wider.sought, await self._kept(replace(question, needle=wider))

    async def _kept(self, question: Question) -> Found:
        key = self._key(question)
        kept = await self.remembered.get(key)
        if kept is not None:
            return _decode(kept)
        found = await self.engines.messages(question)
        await self.remembered.keep(key, _encode(found), KEPT_S)
        return found

    def _key(self, question: Question) -> str:
        """What may be seen is in it, so nobody is given what was found for others or before they left."""
        seen = hashlib.sha256(",".join(sorted(question.seen)).encode()).hexdigest()
        asked = hashlib.sha256(repr(replace(question, seen=frozenset())).encode()).hexdigest()
        return f"search:{self.scope.workspace_id}:{self.wish.user_id}:{seen}:{asked}"

    async def files(self, question: Question) -> Found:
        found = await self._visible(question.needle, question)
        wider = None if found.total else widened(question.needle)
        return found if wider is None else await self._visible(wider, question)

    async def _visible(self, needle: Needle, question: Question) -> Found:
        """Who may see a file is asked of each that is found, so the total counts those alone."""
        hits: Sequence[Hit] = await self.engines.files(replace(question, needle=needle))
        places = [hit.place for hit in hits]
        visible = (
            await Files(self.connection, self.scope).visible(places, self.wish.user_id, sees_public=self.wish.sees_public)
            if places
            else set()
        )
        shown = [hit for hit in hits if hit.place in visible]
        return Found(tuple(shown[question.first : question.first + question.size]), min(len(shown), TOTAL_MAX))


def _day(now_us: int, utc_offset_s: int) -> datetime.date:
    return datetime.date(1970, 1, 1) + datetime.timedelta(seconds=now_us // 1_000_000 + utc_offset_s)
