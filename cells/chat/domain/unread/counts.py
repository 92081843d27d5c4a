"""What is counted: messages of others after the place one has read to, as the channel shows them.

Replies that stay in their thread, deleted messages and one's own are never unread. Who never read a conversation has read
it up to where they came in.
"""

from dataclasses import dataclass

from cells.chat.domain.channels.channel import ChannelKind

COUNT_MAX = 1_000
"""Counting stops here: "1,000" means at least so many."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far one user has read in one conversation."""

    kind: ChannelKind
    latest_us: int
    """The conversation's last message; 0 where nothing was said."""
    is_member: bool
    joined_us: int
    last_read_us: int

    @property
    def floor_us(self) -> int:
        return self.last_read_us or self.joined_us


@dataclass(frozen=True, slots=True)
class Counts:
    unread: int = 0
    mentions: int = 0

    def badge(self, kind: ChannelKind) -> int:
        """What a client shows in red: in a direct conversation every message is for you."""
        return self.unread if kind in (ChannelKind.IM, ChannelKind.MPIM) else self.mentions


@dataclass(frozen=True, slots=True)
class ReadState:
    place: Place
    counts: Counts


@dataclass(frozen=True, slots=True)
class Line:
    """One conversation in the sidebar; of a channel's `counts.unread` only whether it is 0 is meant."""

    channel_id: str
    kind: ChannelKind
    last_read_us: int
    latest_us: int
    counts: Counts
