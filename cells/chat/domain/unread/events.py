"""https://api.slack.com/events/channel_marked, im_marked, group_marked: told to the user's own sessions alone."""

from cells.chat.domain.channels.channel import ChannelKind
from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.chat.domain.unread.counts import Counts
from cells.runtime.log import Event

MARKED = {
    ChannelKind.PUBLIC: "channel_marked",
    ChannelKind.PRIVATE: "group_marked",
    ChannelKind.MPIM: "mpim_marked",
    ChannelKind.IM: "im_marked",
}


def marked(kind: ChannelKind, channel_id: str, user_id: str, ts_us: int, counts: Counts, now_us: int) -> Event:
    """With what is left unread, so that other sessions need not ask."""
    fields = {
        "type": MARKED[kind],
        "channel": channel_id,
        "ts": show_ts(ts_us),
        "unread_count": counts.unread,
        "unread_count_display": counts.unread,
        "num_mentions": counts.mentions,
        "num_mentions_display": counts.mentions,
        "mention_count": counts.badge(kind),
        "mention_count_display": counts.badge(kind),
        "event_ts": show_ts(now_us),
    }
    return Event(MARKED[kind], (user_id,), payload_of(fields))
