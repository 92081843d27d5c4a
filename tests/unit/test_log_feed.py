"""The newest events in memory: a gap is never passed over, for the log is read then."""

from cells.runtime.log import LoggedEvent
from cells.runtime.log.feed import KEPT_MAX, Feed
from chassis.identity import WorkspaceId


def events(*seqs: int) -> list[LoggedEvent]:
    return [LoggedEvent(WorkspaceId("T1"), seq, seq, "said", ("C1",), "") for seq in seqs]


def after(feed: Feed, seq: int) -> list[int]:
    return [event.seq for event in feed.after(seq)]


def test_what_does_not_join_on_is_held_alone_and_a_follower_before_it_is_sent_to_the_log() -> None:
    feed = Feed()
    feed.offer(events(1, 2, 3))
    assert after(feed, 0) == [1, 2, 3] and after(feed, 2) == [3]
    feed.offer(events(6, 7))
    assert after(feed, 3) == [] and feed.head == 7, "4 and 5 are in the log"
    assert after(feed, 5) == [6, 7] and after(feed, 6) == [7] and after(feed, 7) == []
    feed.offer(events(5, 6, 7, 8))
    assert after(feed, 5) == [6, 7, 8], "heard twice, held once"


def test_it_is_bounded_and_forgets_the_oldest() -> None:
    feed = Feed()
    for seq in range(1, KEPT_MAX + 3):
        feed.offer(events(seq))
    assert after(feed, 1) == [] and len(feed.after(2)) == KEPT_MAX
