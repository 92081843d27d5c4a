from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event

KIND = "channel_history_changed"
_TYPES = {"D": "im_history_changed", "G": "group_history_changed"}


def history_changed(channel_id: str, oldest_us: int, latest_us: int, now_us: int) -> Event:
    """Messages came in between two times, both belonging to it: who keeps the channel's history reads it again
    (https://api.slack.com/events/channel_history_changed).
    """
    now, type_ = show_ts(now_us), _TYPES.get(channel_id[:1], KIND)
    times = {"oldest": show_ts(oldest_us), "latest": show_ts(latest_us), "ts": now, "event_ts": now}
    return Event(KIND, (channel_id,), payload_of({"type": type_, "channel": channel_id, **times}))
