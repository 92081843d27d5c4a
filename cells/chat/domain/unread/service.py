"""Saying how far one has read. Many do so after every message, so marks are committed together as posts are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cells.chat.domain.channels.channel import ChannelKind
from cells.chat.domain.channels.errors import ChannelNotFound, NotInChannel
from cells.chat.domain.errors import DomainError
from cells.chat.domain.unread.counts import Counts, Place
from cells.chat.domain.unread.events import marked
from cells.chat.domain.unread.repository import Pair, Unread
from cells.runtime.log import Event, Transaction
from chassis.errors import WaggleError
from chassis.identity import UserId


@dataclass(frozen=True, slots=True)
class MarkRead:
    """A change. Forwards or backwards; a time to come is taken for now. Nothing is stored or said where nothing changes."""

    channel_id: str
    user_id: UserId
    ts_us: int

    async def apply(self, tx: Transaction) -> bool:
        """Whether it changed anything."""
        [result] = await self.apply_many(tx, [self])
        if isinstance(result, WaggleError):
            raise result
        return result

    @classmethod
    async def apply_many(cls, tx: Transaction, changes: Sequence["MarkRead"]) -> list[bool | WaggleError]:
        """One result for each, in order. A look-up, at most one count and one write, whatever the size of the batch."""
        unread = Unread(tx.connection, tx.scope)
        places = await unread.places({change.pair for change in changes})
        moves: list[_Move] = []
        results = [_judge(tx, places, moves, change) for change in changes]
        if moves:
            await unread.change(list({move.change.pair: move.ts_us for move in moves}.items()))
            counts = await _left(unread, moves)
            for move, left in zip(moves, counts, strict=True):
                tx.append(move.event(left))
        return results

    @property
    def pair(self) -> Pair:
        return self.channel_id, self.user_id


@dataclass(frozen=True, slots=True)
class _Move:
    change: MarkRead
    kind: ChannelKind
    ts_us: int
    latest_us: int
    floor_us: int
    now_us: int

    def event(self, left: Counts) -> Event:
        return marked(self.kind, self.change.channel_id, self.change.user_id, self.ts_us, left, self.now_us)


def _judge(tx: Transaction, places: dict[Pair, Place], moves: list[_Move], change: MarkRead) -> bool | WaggleError:
    """Refuse, pass over, or note a move; `places` and `moves` grow while the batch is judged."""
    place = places.get(change.pair)
    refusal = _refusal(place)
    if place is None or refusal is not None:
        return refusal or ChannelNotFound()
    if change.ts_us == place.last_read_us:
        return False
    now_us = tx.next_ts_us()
    ts_us = min(change.ts_us, now_us)
    places[change.pair] = after = replace(place, last_read_us=ts_us)
    moves.append(_Move(change, place.kind, ts_us, place.latest_us, after.floor_us, now_us))
    return True


def _refusal(place: Place | None) -> DomainError | None:
    if place is None or not (place.is_member or place.kind is ChannelKind.PUBLIC):
        return ChannelNotFound()
    return None if place.is_member else NotInChannel()


async def _left(unread: Unread, moves: Sequence[_Move]) -> list[Counts]:
    """Mostly one marks the last message: then nothing is left and nothing is asked."""
    behind = [move for move in moves if move.floor_us < move.latest_us]
    found = await unread.count([(move.change.pair, move.floor_us) for move in behind]) if behind else []
    known = dict(zip(map(id, behind), found, strict=True))
    return [known.get(id(move), Counts()) for move in moves]
