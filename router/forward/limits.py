"""The forwarder's bounds."""

from dataclasses import dataclass, field

from chassis.backoff import Backoff


@dataclass(frozen=True, slots=True)
class Limits:
    in_flight_max: int = 2048
    """Requests to one cell at the same time; over it Overloaded."""
    deadline_ms: int = 30_000
    """For a request that names none."""
    breaker_failures_max: int = 10
    breaker_open_s: float = 1.0
    hold_requests_max: int = 2048
    hold_bytes_max: int = 32 * 1024 * 1024
    hold_s_max: float = 5.0
    hold_not_mine_s_max: float = 1.0
    """Of that, how long a workspace that its cell does not know may take to turn up elsewhere: a delta takes milliseconds."""
    hold_poll_ms: int = 50
    """How often the first of a workspace's held requests asks again, where the cell does not say."""
    dial_s_max: float = 5.0
    """From dialling to the cell's Hello."""
    redial: Backoff = field(default_factory=lambda: Backoff(first_s=0.05, limit_s=2.0))
    reopen: Backoff = field(default_factory=lambda: Backoff(first_s=0.05, limit_s=1.0))
    reopen_s_max: float = 30.0
    """A session that found no new process for so long is closed with 1012 (service restart)."""
    reopen_jitter_s: float = 0.25
    reopen_after_held_s_max: float = 0.25
    """So long sessions that look for a new process let their workspace's held requests go first: somebody waits for those."""
    reopening_max: int = 64
    """Sessions being opened anew at the same time; the others wait their turn."""
    opening_s_max: float = 10.0
    openings_max: int = 64
    """Sessions of new clients being opened at one cell at the same time; a storm of them queues here, first come first served, and
    leaves the cell free to answer requests."""
    session_waiting_messages_max: int = 64
    """What a client may say while its session is between two processes."""
    session_waiting_bytes_max: int = 256 * 1024
    carry_idle_s_max: float = 30.0
