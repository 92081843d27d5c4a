"""A conversation as Slack shows it (https://api.slack.com/types/conversation), and what is announced about conversations."""

from typing import Any

from cells.chat.domain.channels.channel import Channel, ChannelKind
from cells.chat.domain.payloads import payload_of
from cells.chat.domain.roles.audience import FULL_MEMBERS
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event

JOINED = {
    ChannelKind.PUBLIC: "channel_joined",
    ChannelKind.PRIVATE: "group_joined",
    ChannelKind.MPIM: "mpim_joined",
    ChannelKind.IM: "im_created",
}
LEFT = {ChannelKind.PUBLIC: "channel_left", ChannelKind.PRIVATE: "group_left"}
_PREFIXES = {ChannelKind.PUBLIC: "channel", ChannelKind.PRIVATE: "group", ChannelKind.MPIM: "mpim", ChannelKind.IM: "im"}


def channel_face(channel: Channel, team_id: str, viewer_id: str, *, is_member: bool, is_open: bool = True) -> dict[str, Any]:
    """What never depends on who looks, plus membership, and whether a direct conversation is shown to the viewer."""
    face = _direct_face(channel, viewer_id) if channel.kind is ChannelKind.IM else _named_face(channel)
    if channel.is_direct:
        face["is_open"] = is_open
    face |= {
        "context_team_id": team_id,
        "is_shared": False,
        "is_ext_shared": False,
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "is_member": is_member,
        "topic": _note_face(channel.topic, channel.topic_by, channel.topic_us),
        "purpose": _note_face(channel.purpose, channel.purpose_by, channel.purpose_us),
        "previous_names": list(channel.previous_names),
    }
    return face


def channel_created(channel: Channel) -> Event:
    """Told to everyone but guests; a private channel is created in silence."""
    shown = {
        "id": channel.channel_id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": True,
        "created": channel.created_us // 1_000_000,
        "creator": channel.creator_id,
    }
    fields = {"type": "channel_created", "channel": shown, "event_ts": show_ts(channel.created_us)}
    return Event("channel_created", (FULL_MEMBERS,), payload_of(fields))


def channel_joined(channel: Channel, team_id: str, user_id: str, now_us: int) -> Event:
    """Told to the user alone: from here on the user's sessions hear the channel."""
    kind = JOINED[channel.kind]
    face = channel_face(channel, team_id, user_id, is_member=True)
    fields = {"type": kind, "user": user_id, "channel": face, "event_ts": show_ts(now_us)}
    return Event(kind, (user_id,), payload_of(fields))


def channel_left(channel: Channel, user_id: str, now_us: int) -> Event:
    """Told to the user alone: from here on the user's sessions no longer hear the channel."""
    kind = LEFT[channel.kind]
    fields = {"type": kind, "channel": channel.channel_id, "user": user_id, "event_ts": show_ts(now_us)}
    return Event(kind, (user_id,), payload_of(fields))


def channel_archived(channel: Channel, user_id: str, now_us: int, *, again: bool = False) -> Event:
    """`again`: it is in use again (https://api.slack.com/events/channel_archive, .../channel_unarchive)."""
    kind = f"{_PREFIXES[channel.kind]}_{'unarchive' if again else 'archive'}"
    fields = {"type": kind, "channel": channel.channel_id, "user": user_id, "event_ts": show_ts(now_us)}
    return Event(kind, _known_to(channel), payload_of(fields))


def channel_renamed(channel: Channel, now_us: int) -> Event:
    """https://api.slack.com/events/channel_rename"""
    kind = f"{_PREFIXES[channel.kind]}_rename"
    shown = {
        "id": channel.channel_id,
        "name": channel.name,
        "name_normalized": channel.name,
        "created": channel.created_us // 1_000_000,
        "is_channel": channel.kind is ChannelKind.PUBLIC,
        "is_mpim": False,
    }
    return Event(kind, _known_to(channel), payload_of({"type": kind, "channel": shown, "event_ts": show_ts(now_us)}))


def direct_closed(channel: Channel, user_id: str, now_us: int, *, again: bool = False) -> Event:
    """Told to the user alone, who hears the conversation as before. `again`: it is open again (https://api.slack.com/events/im_close)."""
    kind = f"{_PREFIXES[channel.kind]}_{'open' if again else 'close'}"
    fields = {"type": kind, "user": user_id, "channel": channel.channel_id, "event_ts": show_ts(now_us)}
    return Event(kind, (user_id,), payload_of(fields))


def _known_to(channel: Channel) -> tuple[str, ...]:
    """Its members; a public channel's name and end are everyone's, guests left out."""
    return (FULL_MEMBERS, channel.channel_id) if channel.kind is ChannelKind.PUBLIC else (channel.channel_id,)


def _named_face(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.channel_id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": channel.kind is ChannelKind.PUBLIC,
        "is_group": channel.kind is ChannelKind.PRIVATE,
        "is_im": False,
        "is_mpim": channel.kind is ChannelKind.MPIM,
        "is_private": channel.kind is not ChannelKind.PUBLIC,
        "created": channel.created_us // 1_000_000,
        "creator": channel.creator_id,
        "updated": channel.updated_us // 1_000,
        "is_archived": channel.archived,
        "is_general": channel.is_general,
        "unlinked": 0,
    }


def _direct_face(channel: Channel, viewer_id: str) -> dict[str, Any]:
    others = [person for person in channel.people.split(",") if person != viewer_id]
    return {
        "id": channel.channel_id,
        "is_channel": False,
        "is_group": False,
        "is_im": True,
        "is_mpim": False,
        "is_private": True,
        "is_user_deleted": False,
        "user": others[0] if others else viewer_id,
        "created": channel.created_us // 1_000_000,
        "updated": channel.updated_us // 1_000,
        "is_archived": channel.archived,
        "priority": 0,
    }


def _note_face(value: str, set_by: str, set_us: int) -> dict[str, Any]:
    """A topic or a purpose."""
    return {"value": value, "creator": set_by, "last_set": set_us // 1_000_000}
