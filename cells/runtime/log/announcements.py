"""How a commit is told to the cell's other processes: the events themselves, or, where they are large, only how far the log goes."""

from collections.abc import Sequence

import msgspec

from cells.runtime.log.events import LoggedEvent
from cells.runtime.log.feed import Feed
from chassis.identity import WorkspaceId

CARRIED_BYTES_MAX = 128 * 1024


class Announcement(msgspec.Struct, array_like=True, frozen=True):
    head: int
    events: list[LoggedEvent]


def topic_of(workspace_id: WorkspaceId) -> str:
    return f"log:{workspace_id}"


def encode(events: Sequence[LoggedEvent]) -> bytes:
    size = sum(len(event.payload) for event in events)
    carried = list(events) if size <= CARRIED_BYTES_MAX else []
    return msgspec.msgpack.encode(Announcement(events[-1].seq, carried))


def hear(feed: Feed, body: bytes) -> None:
    """Garbage is passed over: the log is read instead."""
    try:
        announcement = msgspec.msgpack.decode(body, type=Announcement)
    except msgspec.DecodeError:
        return
    feed.offer(announcement.events)
    feed.hear(announcement.head)
