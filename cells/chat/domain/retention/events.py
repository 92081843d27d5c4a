from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event

KIND = "messages_expired"
_TYPES = {"D": "im_history_changed", "G": "group_history_changed"}


def messages_expired(channel_id: str, ts_us: list[int], now_us: int) -> Event:
    """To clients it is what Slack says of bulk changes (https://api.slack.com/events/channel_history_changed): what they hold from before
    `latest` is to be read again. `expired` names each message, for whoever keeps something by message.
    """
    now, type_ = show_ts(now_us), _TYPES.get(channel_id[:1], "channel_history_changed")
    fields = {"type": type_, "channel": channel_id, "latest": show_ts(max(ts_us)), "ts": now, "event_ts": now}
    return Event(KIND, (channel_id,), payload_of(fields | {"expired": [show_ts(at_us) for at_us in ts_us]}))
