from dataclasses import dataclass
from enum import StrEnum

from chassis.identity import ChannelId, UserId


class ChannelKind(StrEnum):
    PUBLIC = "public_channel"
    PRIVATE = "private_channel"
    IM = "im"
    MPIM = "mpim"


@dataclass(frozen=True, slots=True)
class Channel:
    channel_id: ChannelId
    kind: ChannelKind
    name: str
    creator_id: UserId
    created_us: int
    updated_us: int
    archived: bool
    is_general: bool
    topic: str
    purpose: str
    people: str
    """Who a direct conversation is among: their ids in order, joined by commas; empty for channels with names."""

    @property
    def is_direct(self) -> bool:
        return self.kind in (ChannelKind.IM, ChannelKind.MPIM)


@dataclass(frozen=True, slots=True)
class Standing:
    """A channel as one user stands to it."""

    channel: Channel
    is_member: bool
    last_read_us: int

    @property
    def visible(self) -> bool:
        return self.is_member or self.channel.kind is ChannelKind.PUBLIC
