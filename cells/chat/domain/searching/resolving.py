"""From what the asker calls people and places to their ids. Who or what is not there, or not seen, is found nowhere."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from cells.chat.domain.searching.sight_repository import Sight
from cells.chat.search.query import Asked, Company, Named, Needle, Quality

_Marks = tuple[frozenset[str], frozenset[str], bool]
"""Wanted, unwanted, and whether any was wanted at all."""


@dataclass(frozen=True, slots=True)
class Asker:
    user_id: str
    seen: frozenset[str]


async def needle_of(asked: Asked, asker: Asker, sight: Sight) -> Needle:
    """Several of one modifier widen (`from:@a from:@b` is by either); different ones narrow."""
    resolving = _Resolving(asker, sight)
    authors = await _marks(asked.authors, resolving.author_marks)
    places = await _marks(asked.places, resolving.place_marks)
    wanted = [marks for marks, _, any_wanted in (authors, places) if any_wanted]
    wanted += [frozenset((_quality_mark(quality),)) for quality in asked.qualities if not quality.negated]
    return Needle(
        asked.sought,
        tuple(wanted),
        authors[1] | places[1] | {_quality_mark(quality) for quality in asked.qualities if quality.negated},
        asked.since_us,
        asked.until_us,
        tuple([company for named in asked.company if not named.negated for company in await resolving.company(named)]),
    )


class _Resolving:
    def __init__(self, asker: Asker, sight: Sight) -> None:
        self._asker, self._sight = asker, sight

    async def author_marks(self, named: Named) -> frozenset[str]:
        marks = {f"U:{user_id}" for user_id in await self._people(named.name)}
        return frozenset(marks | {f"U:{named.name}"} if named.name.startswith("B") else marks)

    async def place_marks(self, named: Named) -> frozenset[str]:
        channels = frozenset[str]() if named.sigil == "@" else await self._sight.channels_called(named.name, self._asker.seen)
        if not channels and named.sigil != "#":
            people = await self._people(named.name)
            channels = await self._sight.directs_with(self._asker.user_id, sorted(people), alone=True) if people else channels
        if not channels and named.sigil == "@":  # what `<#C123>` was taken for
            channels = await self._sight.channels_called(named.name, self._asker.seen)
        return frozenset(f"C:{channel}" for channel in channels)

    async def company(self, named: Named) -> list[Company]:
        people = sorted(await self._people(named.name))
        if not people:
            return [Company("")]
        directs = await self._sight.directs_with(self._asker.user_id, people, alone=False)
        return [Company(f"U:{people[0]}", directs)]

    async def _people(self, name: str) -> frozenset[str]:
        return frozenset((self._asker.user_id,)) if name.casefold() == "me" else await self._sight.users_called(name)


async def _marks(names: Sequence[Named], marks_of: Callable[[Named], Awaitable[frozenset[str]]]) -> _Marks:
    wanted: set[str] = set()
    unwanted: set[str] = set()
    for named in names:
        (unwanted if named.negated else wanted).update(await marks_of(named))
    return frozenset(wanted), frozenset(unwanted), any(not named.negated for named in names)


def _quality_mark(quality: Quality) -> str:
    return f"E:{quality.name.strip(':')}" if quality.name.startswith(":") else quality.name
