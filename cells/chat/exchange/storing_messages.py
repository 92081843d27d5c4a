"""Messages of the past come in: with the `ts` they have, each once, whatever is said meanwhile."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cells.chat.domain.files.file import FileId, Share
from cells.chat.domain.files.repository import Shares
from cells.chat.domain.imports.events import history_changed
from cells.chat.domain.imports.past import GONE, Key, Past
from cells.chat.domain.mentions.parsing import mentions_of
from cells.chat.domain.mentions.repository import Mention, Mentions
from cells.chat.domain.messages.message import Message
from cells.chat.domain.timestamps import show_ts
from cells.chat.exchange.messages import PastMessage
from cells.chat.exchange.tally import Tally
from cells.runtime.log import Transaction
from chassis.identity import ChannelId, UserId


async def store_messages(tx: Transaction, given: Sequence[PastMessage], uploads: frozenset[str], tally: Tally) -> None:
    """`uploads`: files whose content follows."""
    now_us = tx.next_ts_us()
    fresh = _each_once(given, now_us, tally)
    if not fresh:
        return
    past = Past(tx.connection, tx.scope)
    await past.make_room(min(message.message.ts_us for message in fresh.values()))
    messages = await _in_threads(past, fresh, tally)
    stored = await past.insert_messages(messages)
    _tell_doubles(fresh, stored, tally)
    kept = [past_message for key, past_message in fresh.items() if key in stored]
    await _store_reactions(past, kept, tally)
    await _store_mentions(tx, [past_message.message for past_message in kept])
    await _store_shares(tx, kept, uploads)
    await _tell(tx, past, [message for message in messages if (message.channel_id, message.ts_us) in stored], now_us)
    _count(kept, tally)


def _each_once(given: Sequence[PastMessage], now_us: int, tally: Tally) -> dict[Key, PastMessage]:
    """By key; the past alone, for what is said from now on has times of its own."""
    fresh: dict[Key, PastMessage] = {}
    for each in given:
        key = (each.message.channel_id, each.message.ts_us)
        if key in fresh:
            tally.count("duplicates")
            tally.note("message", each.what, "stands more than once in the export; the first is kept")
        elif each.message.ts_us >= now_us:
            tally.note("message", each.what, "it is from the future")
        else:
            fresh[key] = each
    return fresh


async def _in_threads(past: Past, fresh: Mapping[Key, PastMessage], tally: Tally) -> list[Message]:
    """Replies know who began their thread; a thread whose beginning is gone gets a tombstone to hang on."""
    wanted: set[Key] = {(m.message.channel_id, m.message.thread_us) for m in fresh.values() if m.message.thread_us is not None}
    roots: dict[Key, str] = {key: fresh[key].message.user_id for key in wanted if key in fresh}
    if wanted - roots.keys():
        roots |= await past.roots(sorted(wanted - roots.keys()))
    lost = [_tombstone(ChannelId(channel_id), ts_us) for channel_id, ts_us in sorted(wanted - roots.keys())]
    folders = {each.message.channel_id: each.what.rpartition(" ")[0] for each in fresh.values()}
    for root in lost:
        tally.count("tombstones")
        tally.note(
            "message",
            f"{folders[root.channel_id]} {show_ts(root.ts_us)}",
            "began a thread and is not in the export; a tombstone stands for it",
        )
    return lost + [_with_parent(each.message, roots) for each in fresh.values()]


def _with_parent(message: Message, roots: Mapping[Key, str]) -> Message:
    if message.thread_us is None or message.parent_user_id:
        return message
    return replace(message, parent_user_id=UserId(roots.get((message.channel_id, message.thread_us), GONE)))


def _tombstone(channel_id: ChannelId, ts_us: int) -> Message:
    return Message(channel_id, ts_us, UserId(GONE), "", deleted_us=ts_us)


def _tell_doubles(fresh: Mapping[Key, PastMessage], stored: set[Key], tally: Tally) -> None:
    for key, each in fresh.items():
        if key not in stored:
            tally.count("duplicates")
            tally.note("message", each.what, "a message of this time is in the channel already")


async def _store_reactions(past: Past, kept: Sequence[PastMessage], tally: Tally) -> None:
    reactions = [reaction for each in kept for reaction in each.reactions]
    if reactions:
        tally.count("reactions", await past.insert_reactions(reactions))


async def _store_mentions(tx: Transaction, messages: Sequence[Message]) -> None:
    called = [Mention(m.channel_id, m.ts_us, m.user_id, target) for m in messages for target in mentions_of(m.text, m.extras)]
    if called:
        await Mentions(tx.connection, tx.scope).insert(called)


async def _store_shares(tx: Transaction, kept: Sequence[PastMessage], uploads: frozenset[str]) -> None:
    shares = [
        Share(FileId(file_id), m.channel_id, m.ts_us, m.thread_us, m.user_id)
        for m, file_ids in ((each.message, each.file_ids) for each in kept)
        for file_id in dict.fromkeys(file_ids)
        if file_id in uploads
    ]
    if shares:
        await Shares(tx.connection, tx.scope).insert(shares)


async def _tell(tx: Transaction, past: Past, stored: Sequence[Message], now_us: int) -> None:
    """One event a channel, however many messages: followers read the stretch again."""
    stretches: dict[str, tuple[int, int]] = {}
    heads: dict[str, int] = {}
    for message in stored:
        oldest, latest = stretches.get(message.channel_id, (message.ts_us, message.ts_us))
        stretches[message.channel_id] = (min(oldest, message.ts_us), max(latest, message.ts_us))
        if (message.thread_us is None or message.broadcast) and message.deleted_us is None:
            heads[message.channel_id] = max(heads.get(message.channel_id, 0), message.ts_us)
    if heads:
        await past.move_heads(list(heads.items()))
    for channel_id, (oldest, latest) in stretches.items():
        tx.append(history_changed(channel_id, oldest, latest, now_us))


def _count(kept: Sequence[PastMessage], tally: Tally) -> None:
    counted: Counter[str] = Counter()
    for each in kept:
        counted["replies" if each.message.thread_us is not None else "messages"] += 1
        counted["files"] += len(each.file_ids)
    tally.add(counted)
