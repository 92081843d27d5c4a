"""A message as Slack shows it (https://api.slack.com/events/message), and what is announced about messages."""

from typing import Any

import msgspec

from cells.chat.domain.messages.message import Message, Thread
from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event

_decode = msgspec.json.Decoder(dict[str, Any]).decode
REPLY_USERS_SHOWN_MAX = 5
PRIVATE = "_"
"""In a message's extras: what is kept of it and never shown."""


def message_face(message: Message, team_id: str) -> dict[str, Any]:
    """The message alone; a reply names its thread."""
    if message.deleted_us is not None:
        return _tombstone_face(message)
    face: dict[str, Any] = {
        "type": "message",
        "user": message.user_id,
        "text": message.text,
        "ts": show_ts(message.ts_us),
        "team": team_id,
    }
    if not message.user_id:  # said by an integration that is no user, and imported
        del face["user"]
    if message.bot_id is not None:
        face["bot_id"] = message.bot_id
        face["app_id"] = message.app_id
    if message.client_msg_id is not None:
        face["client_msg_id"] = message.client_msg_id
    if message.extras is not None:
        face.update(_decode(message.extras))
        face.pop(PRIVATE, None)
    if message.thread_us is not None:
        face |= _reply_fields(message)
    if message.edited_us is not None:
        face["edited"] = {"user": message.edited_by, "ts": show_ts(message.edited_us)}
    return face


def thread_fields(message: Message, thread: Thread) -> dict[str, Any]:
    """What a thread's first message says of it."""
    return {
        "thread_ts": show_ts(message.ts_us),
        "reply_count": thread.replies,
        "reply_users_count": thread.users,
        "latest_reply": show_ts(thread.latest_us),
        "reply_users": list(thread.user_ids[:REPLY_USERS_SHOWN_MAX]),
        "is_locked": False,
        "subscribed": False,
    }


def posted(message: Message, face: dict[str, Any]) -> Event:
    """`face` is the message's, already made for the answer."""
    fields = {**face, "channel": message.channel_id, "event_ts": face["ts"]}
    return Event("message", (message.channel_id,), payload_of(fields))


def changed(before: Message, after: Message, team_id: str, now_us: int) -> Event:
    return _hidden(
        "message_changed",
        after,
        now_us,
        {"message": message_face(after, team_id), "previous_message": message_face(before, team_id)},
    )


def deleted(before: Message, team_id: str, now_us: int) -> Event:
    facts = {"deleted_ts": show_ts(before.ts_us), "previous_message": message_face(before, team_id)}
    return _hidden("message_deleted", before, now_us, facts)


def _hidden(subtype: str, message: Message, now_us: int, facts: dict[str, Any]) -> Event:
    now = show_ts(now_us)
    fields = {"type": "message", "subtype": subtype, "hidden": True, "channel": message.channel_id, "ts": now, "event_ts": now, **facts}
    return Event(subtype, (message.channel_id,), payload_of(fields))


def _reply_fields(message: Message) -> dict[str, Any]:
    assert message.thread_us is not None
    fields: dict[str, Any] = {"thread_ts": show_ts(message.thread_us), "parent_user_id": message.parent_user_id}
    if message.broadcast:
        fields["subtype"] = "thread_broadcast"
    return fields


def _tombstone_face(message: Message) -> dict[str, Any]:
    """What stays of a deleted message that has replies."""
    return {
        "type": "message",
        "subtype": "tombstone",
        "user": "USLACKBOT",
        "hidden": True,
        "text": "This message was deleted.",
        "ts": show_ts(message.ts_us),
    }
