"""Who has sessions in this process, and whom they follow. In memory alone; the sessions are the truth. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from cells.chat.domain.presence.presence import Share
from cells.runtime.workload import Tenant

DIRTY_MAX = 65_536
ATTEMPTS_MAX = 16
UNSURE = ""
"""Sessions here have heard different words."""


@dataclass(slots=True)
class Person:
    sessions: int = 0
    active_us: int = 0
    automatic: bool = False

    def share(self, now_us: int) -> Share:
        return Share(self.sessions, self.active_us, now_us, self.automatic)


@dataclass(slots=True)
class Room:
    """One workspace as this process knows it."""

    tenant: Tenant
    people: dict[str, Person] = field(default_factory=dict)
    followed: Counter[str] = field(default_factory=Counter)
    dirty: set[str] = field(default_factory=set)
    """Whose presence may have changed since it was last told."""
    said: dict[str, str] = field(default_factory=dict)
    """What was last told of those who are here or followed; counts where Redis forgot."""
    doubtful: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Attempts whose word Redis has taken, or may have, and that nobody has told."""
    heard: dict[str, str] = field(default_factory=dict)
    """What the sessions here last heard of those they follow, whoever said it."""

    def person(self, user_id: str) -> Person:
        return self.people.setdefault(user_id, Person())

    def mark(self, user_id: str) -> None:
        if len(self.dirty) < DIRTY_MAX:
            self.dirty.add(user_id)

    def doubt(self, user_ids: Iterable[str], attempt: str) -> None:
        for user_id in user_ids:
            self.doubtful[user_id] = (*self.doubtful.get(user_id, ()), attempt)[-ATTEMPTS_MAX:]

    def believe(self, user_ids: Iterable[str]) -> None:
        """What Redis holds of them was told."""
        for user_id in user_ids:
            self.doubtful.pop(user_id, None)

    def follow(self, joined: Iterable[str], left: Iterable[str]) -> None:
        self.followed.update(joined)
        for user_id in left:
            self.followed[user_id] -= 1
            if self.followed[user_id] <= 0:
                del self.followed[user_id]
                self.heard.pop(user_id, None)

    def hear(self, user_id: str, word: str) -> None:
        """All who follow the user here were told."""
        if user_id in self.followed:
            self.heard[user_id] = word

    def answer(self, user_id: str, word: str) -> None:
        """One session here was told, who asked."""
        if user_id in self.followed and self.heard.setdefault(user_id, word) != word:
            self.heard[user_id] = UNSURE

    def has_missed(self, user_id: str, word: str) -> bool:
        """Whether sessions here heard something else. Of those of whom nothing was said here yet, they know the word."""
        return user_id in self.followed and self.heard.setdefault(user_id, word) != word

    def tidy(self, user_ids: Iterable[str]) -> None:
        """Forget those who are neither here nor followed."""
        for user_id in user_ids:
            person = self.people.get(user_id)
            if person is not None and person.sessions <= 0:
                del self.people[user_id]
            if user_id not in self.people and user_id not in self.followed:
                self.said.pop(user_id, None)
                self.doubtful.pop(user_id, None)

    @property
    def empty(self) -> bool:
        return not (self.people or self.followed or self.dirty)
