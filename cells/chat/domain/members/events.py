from cells.chat.domain.channels.channel import Channel, ChannelKind
from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event


def member_joined(channel: Channel, team_id: str, user_id: str, inviter_id: str | None, now_us: int) -> Event:
    """https://api.slack.com/events/member_joined_channel"""
    fields = _fields("member_joined_channel", channel, team_id, user_id, now_us)
    if inviter_id is not None:
        fields["inviter"] = inviter_id
    return Event("member_joined_channel", (channel.channel_id,), payload_of(dict(fields)))


def member_left(channel: Channel, team_id: str, user_id: str, now_us: int) -> Event:
    """https://api.slack.com/events/member_left_channel"""
    fields = _fields("member_left_channel", channel, team_id, user_id, now_us)
    return Event("member_left_channel", (channel.channel_id,), payload_of(dict(fields)))


def _fields(kind: str, channel: Channel, team_id: str, user_id: str, now_us: int) -> dict[str, str]:
    return {
        "type": kind,
        "user": user_id,
        "channel": channel.channel_id,
        "channel_type": "C" if channel.kind is ChannelKind.PUBLIC else "G",
        "team": team_id,
        "event_ts": show_ts(now_us),
    }
