"""Posting. What arrives while a commit is on its way is committed as one; each post of the batch stands for itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from cells.chat.domain.channels.channel import ChannelKind
from cells.chat.domain.channels.errors import ChannelArchived, ChannelNotFound, NotInChannel
from cells.chat.domain.errors import DomainError
from cells.chat.domain.mentions.repository import Mentions, mentions_in
from cells.chat.domain.messages.errors import CantReply
from cells.chat.domain.messages.events import message_face, posted
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.repository import Messages, Place
from cells.runtime.log import Transaction
from chassis.errors import WaggleError
from chassis.identity import AppId, BotId, ChannelId, UserId


@dataclass(frozen=True, slots=True)
class Posted:
    message: Message
    face: dict[str, Any]
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class PostMessage:
    """A change. The same `client_msg_id` of one user in one channel is posted once: a retry is answered with the first."""

    channel_id: ChannelId
    user_id: UserId
    text: str
    bot_id: BotId | None = None
    app_id: AppId | None = None
    thread_us: int | None = None
    broadcast: bool = False
    client_msg_id: str | None = None
    extras: str | None = None
    active: frozenset[str] | None = None
    """Whom `<!here>` calls; None: all members."""

    async def apply(self, tx: Transaction) -> Posted:
        [result] = await self.apply_many(tx, [self])
        if isinstance(result, WaggleError):
            raise result
        return result

    @classmethod
    async def apply_many(cls, tx: Transaction, changes: Sequence["PostMessage"]) -> list[Posted | WaggleError]:
        """One result for each, in order. Three look-ups at most and one insert, whatever the size of the batch."""
        known = await _look_up(tx, changes)
        results: list[Posted | WaggleError] = [_post(tx, known, change) for change in changes]
        fresh = list(filter(is_new, results))
        if fresh:
            await _store(tx, [(result.message, change.active) for result, change in zip(results, changes, strict=True) if is_new(result)])
        for result in fresh:
            tx.append(posted(result.message, result.face))
        return results

    @property
    def retry_key(self) -> tuple[str, str, str] | None:
        return (self.channel_id, self.user_id, self.client_msg_id) if self.client_msg_id else None


@dataclass(slots=True)
class _Known:
    """What the batch's posts are judged by; `earlier` grows while it is judged."""

    places: dict[tuple[str, str], Place]
    earlier: dict[tuple[str, str, str], Message]
    roots: dict[tuple[str, int], Message]


async def _look_up(tx: Transaction, changes: Sequence[PostMessage]) -> _Known:
    messages = Messages(tx.connection, tx.scope)
    retry_keys = {key for change in changes if (key := change.retry_key)}
    parents = {(change.channel_id, change.thread_us) for change in changes if change.thread_us is not None}
    return _Known(
        places=await messages.places({(change.channel_id, change.user_id) for change in changes}),
        earlier=await messages.by_client_ids(retry_keys) if retry_keys else {},
        roots=await messages.get_many(parents) if parents else {},
    )


def _post(tx: Transaction, known: _Known, change: PostMessage) -> Posted | DomainError:
    """Refuse, answer with what is there already, or make the message."""
    key = change.retry_key
    if key in known.earlier:
        return Posted(known.earlier[key], message_face(known.earlier[key], tx.scope.workspace_id), duplicate=True)
    refusal = refusal_at(known.places.get((change.channel_id, change.user_id)))
    if refusal is not None:
        return refusal
    root = None if change.thread_us is None else known.roots.get((change.channel_id, change.thread_us))
    if change.thread_us is not None and root is None:
        return CantReply()
    message = _message_of(change, root, tx.next_ts_us())
    if key is not None:
        known.earlier[key] = message
    return Posted(message, message_face(message, tx.scope.workspace_id))


def is_new(result: Posted | WaggleError) -> TypeGuard[Posted]:
    return isinstance(result, Posted) and not result.duplicate


async def _store(tx: Transaction, posts: Sequence[tuple[Message, frozenset[str] | None]]) -> None:
    await Messages(tx.connection, tx.scope).insert([message for message, _ in posts])
    called = [mention for message, active in posts for mention in mentions_in(message, active)]
    if called:
        await Mentions(tx.connection, tx.scope).insert(called)


async def require_place(tx: Transaction, channel_id: ChannelId, user_id: UserId) -> Place:
    """Where the user may post now. Raises what a post there would be refused with."""
    place = (await Messages(tx.connection, tx.scope).places({(channel_id, user_id)})).get((channel_id, user_id))
    refusal = refusal_at(place)
    if refusal is not None or place is None:
        raise refusal or ChannelNotFound
    return place


def refusal_at(place: Place | None) -> DomainError | None:
    if place is None or not (place.is_member or place.kind is ChannelKind.PUBLIC):
        return ChannelNotFound()
    if not place.is_member:
        return NotInChannel()
    return ChannelArchived() if place.archived else None


def _message_of(change: PostMessage, root: Message | None, ts_us: int) -> Message:
    """A reply to a reply goes to the thread's first message."""
    in_thread = root is not None
    return Message(
        channel_id=change.channel_id,
        ts_us=ts_us,
        user_id=change.user_id,
        text=change.text,
        bot_id=change.bot_id,
        app_id=change.app_id,
        thread_us=(root.thread_us or root.ts_us) if root else None,
        parent_user_id=(root.parent_user_id or root.user_id) if root else None,
        broadcast=change.broadcast and in_thread,
        client_msg_id=change.client_msg_id,
        extras=change.extras,
    )
