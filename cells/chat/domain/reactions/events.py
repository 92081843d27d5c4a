from typing import Any

from cells.chat.domain.messages.message import Message
from cells.chat.domain.payloads import payload_of
from cells.chat.domain.reactions.reaction import Reaction
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event


def reaction_face(reaction: Reaction) -> dict[str, Any]:
    return {"name": reaction.name, "users": list(reaction.user_ids), "count": len(reaction.user_ids)}


def reaction_event(kind: str, message: Message, name: str, user_id: str, now_us: int) -> Event:
    """`kind` is reaction_added or reaction_removed (https://api.slack.com/events/reaction_added)."""
    fields = {
        "type": kind,
        "user": user_id,
        "reaction": name,
        "item": {"type": "message", "channel": message.channel_id, "ts": show_ts(message.ts_us)},
        "item_user": message.user_id,
        "event_ts": show_ts(now_us),
    }
    return Event(kind, (message.channel_id,), payload_of(fields))
