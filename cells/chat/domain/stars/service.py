from dataclasses import dataclass, replace

from cells.chat.domain.channels.errors import ChannelNotFound
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.files.errors import FileNotFound
from cells.chat.domain.files.repository import Files
from cells.chat.domain.messages.errors import MessageNotFound
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.payloads import payload_of
from cells.chat.domain.stars.errors import AlreadyStarred, NotStarred, TooManyStars
from cells.chat.domain.stars.repository import Stars
from cells.chat.domain.stars.star import Star
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event, Transaction
from chassis.identity import UserId

STARS_MAX = 10_000
"""Of one person."""


@dataclass(frozen=True, slots=True)
class AddStar:
    star: Star
    user_id: UserId
    sees_public: bool

    async def apply(self, tx: Transaction) -> None:
        await self._require_visible(tx)
        stars, now_us = Stars(tx.connection, tx.scope, self.user_id), tx.next_ts_us()
        if await stars.count() >= STARS_MAX:
            raise TooManyStars
        if not await stars.insert(replace(self.star, created_us=now_us)):
            raise AlreadyStarred
        tx.append(star_event("star_added", self.star, self.user_id, now_us))

    async def _require_visible(self, tx: Transaction) -> None:
        if self.star.file_id:
            seen = await Files(tx.connection, tx.scope).visible([self.star.file_id], self.user_id, sees_public=self.sees_public)
            if self.star.file_id not in seen:
                raise FileNotFound
            return
        standing = await Channels(tx.connection, tx.scope).get(self.star.channel_id, self.user_id)
        if standing is None or not standing.visible:
            raise ChannelNotFound
        if self.star.ts_us and await Messages(tx.connection, tx.scope).get(self.star.channel_id, self.star.ts_us) is None:
            raise MessageNotFound


@dataclass(frozen=True, slots=True)
class RemoveStar:
    """Also where what was saved is gone, or cannot be seen any more."""

    star: Star
    user_id: UserId

    async def apply(self, tx: Transaction) -> None:
        if not await Stars(tx.connection, tx.scope, self.user_id).remove(self.star):
            raise NotStarred
        tx.append(star_event("star_removed", self.star, self.user_id, tx.next_ts_us()))


def star_event(kind: str, star: Star, user_id: str, now_us: int) -> Event:
    """https://api.slack.com/events/star_added; told to the user alone."""
    fields = {"type": kind, "user": user_id, "item": star.face(), "event_ts": show_ts(now_us)}
    return Event(kind, (user_id,), payload_of(fields))
