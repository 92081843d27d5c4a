from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pin:
    ts_us: int
    """The message's."""
    user_id: str
    """Who pinned it."""
    created_us: int
