"""What was promised and what came: every acknowledged post, every event of every socket, and what must hold between them. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SHOWN_MAX = 5
Key = tuple[str, str]
"""Channel and ts: what Slack calls a message by."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A post that was acknowledged."""

    poster: str
    number: int
    channel: str
    text: str
    ts: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message event as one socket got it."""

    seq: int
    channel: str
    ts: str
    text: str

    @property
    def key(self) -> Key:
        return self.channel, self.ts


@dataclass
class SocketBook:
    """One socket through all its connections. `channels`: those its user is in."""

    name: str
    workspace: str
    channels: frozenset[str]
    received: list[Received] = field(default_factory=list)


def micros(ts: str) -> int:
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * 1_000_000 + int(fraction)


def check_posts(posted: Sequence[Posted], stored: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    """`stored`: each channel's whole history, oldest first, as (ts, text). Returns what is wrong, in sentences."""
    return [*_lost(posted, stored), *_doubled(stored), *_out_of_order(posted), *_falling(stored)]


def _lost(posted: Sequence[Posted], stored: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    there = {(channel, ts, text) for channel, messages in stored.items() for ts, text in messages}
    gone = [post for post in posted if (post.channel, post.ts, post.text) not in there]
    return _told("acknowledged posts are not in their channel's history", [f"{post.text} at {post.ts}" for post in gone])


def _doubled(stored: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    counts = Counter(text for messages in stored.values() for _, text in messages)
    return _told("posts are stored more than once", [f"{text} x {count}" for text, count in counts.items() if count > 1])


def _out_of_order(posted: Sequence[Posted]) -> list[str]:
    """A poster sends its next post after the last was acknowledged, so their ts rise."""
    wrong: list[str] = []
    last: dict[str, Posted] = {}
    for post in posted:
        before = last.get(post.poster)
        if before is not None and micros(post.ts) <= micros(before.ts):
            wrong.append(f"{post.text} at {post.ts} after {before.text} at {before.ts}")
        last[post.poster] = post
    return _told("posts of one poster are out of order", wrong)


def _falling(stored: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    wrong = [
        f"{channel}: {after} after {before}"
        for channel, messages in stored.items()
        for (before, _), (after, _) in pairwise(messages)
        if micros(after) <= micros(before)
    ]
    return _told("ts of a channel do not rise", wrong)


def expected_of(book: SocketBook, stored: Mapping[str, Sequence[tuple[str, str]]]) -> list[Key]:
    """What a socket must have got: every message of its channels, in order of ts."""
    keys = [(channel, ts) for channel in book.channels for ts, _ in stored[channel]]
    return sorted(keys, key=lambda key: micros(key[1]))


def check_socket(book: SocketBook, expected: Sequence[Key]) -> list[str]:
    """Each event of its channels exactly once and in order."""
    got = [event.key for event in book.received]
    wrong = [
        *_told("events were missed", map(str, sorted(set(expected) - set(got)))),
        *_told("events came that are not its", map(str, sorted(set(got) - set(expected)))),
        *_told("events came twice", [str(key) for key, count in Counter(got).items() if count > 1]),
        *_told("seq does not rise", [f"{b.seq} after {a.seq}" for a, b in pairwise(book.received) if b.seq <= a.seq]),
    ]
    if not wrong and got != list(expected):
        wrong = ["events came out of order"]
    return [f"{book.name}: {sentence}" for sentence in wrong]


def _told(what: str, cases: Iterable[str]) -> list[str]:
    found = list(cases)
    return [f"{len(found)} {what}: {', '.join(found[:SHOWN_MAX])}"] if found else []
