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
    topic_by: str = ""
    topic_us: int = 0
    purpose_by: str = ""
    purpose_us: int = 0
    previous_names: tuple[str, ...] = ()
    """The latest first."""

    @property
    def is_direct(self) -> bool:
        return self.kind in (ChannelKind.IM, ChannelKind.MPIM)


@dataclass(frozen=True, slots=True)
class Standing:
    """A channel as one user stands to it."""

    channel: Channel
    is_member: bool
    last_read_us: int
    is_open: bool = True
    """Whether the user's clients show it: a direct conversation that was closed is shown again when something new is said."""
    is_guest: bool = False
    """Whether the user is a guest of the workspace."""

    @property
    def visible(self) -> bool:
        """Guests know of no public channel but those they are in."""
        return self.is_member or (self.channel.kind is ChannelKind.PUBLIC and not self.is_guest)
