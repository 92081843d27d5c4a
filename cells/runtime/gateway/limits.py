"""The gateway's bounds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    replay_events_max: int = 10_000
    """A session that missed more is closed with `CloseCode.RELOAD`."""
    replay_age_s_max: float = 24 * 3600.0
    """So is one whose first missed event is older."""
    replay_page_events_max: int = 500
    replay_frame_bytes_max: int = 256 * 1024
    """A replay larger than this goes out in pieces, waiting for the link between them."""
    recent_events_max: int = 2048
    recent_bytes_max: int = 2 * 1024 * 1024
    """What a workspace's feed remembers, so that sessions opening together do not each read the log."""
    openings_max: int = 32
    """Sessions being opened at the same time; each holds a database connection for a moment."""
    openings_waiting_max: int = 8192
    opening_s_max: float = 10.0
    inbox_messages_max: int = 64
    message_s_max: float = 10.0
    hold_s_max: float = 5.0
    """How long a client's message waits for a workspace that is frozen by a move."""
    hold_pause_s: float = 0.05
    drain_s_max: float = 5.0
    ephemerals_waiting_max: int = 256
    """What waits for a slow link and may be lost, by key; beyond it is dropped."""
    state_age_s_max: float = 7 * 24 * 3600.0
