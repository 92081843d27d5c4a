"""Where one session stands in the log, and in which groups it is there. Pure."""

from collections.abc import Callable, Iterable, Sequence

from cells.runtime.log import EVERYONE, LoggedEvent
from cells.runtime.workload import Regrouping

Regroupings = Callable[[LoggedEvent], Sequence[Regrouping]]


def groups_of(user_id: str, groups: Iterable[str]) -> frozenset[str]:
    """A session is always in the group of its user and in that of everyone, whatever the workload says."""
    return frozenset(groups) | {user_id, EVERYONE}


class Rewinding:
    """Groups as they were before some events, found while reading those events forwards.

    The first event that moves a user into a group proves that they were outside before, and the other way about; so a
    workload must announce real changes only.
    """

    def __init__(self, user_id: str, regroupings: Regroupings) -> None:
        self._user_id, self._regroupings = user_id, regroupings
        self._was_in: dict[str, bool] = {}

    def read(self, events: Iterable[LoggedEvent]) -> None:
        for event in events:
            for change in self._regroupings(event):
                if change.user_id == self._user_id:
                    self._was_in.setdefault(change.group, not change.joined)

    def groups(self, now: frozenset[str]) -> frozenset[str]:
        """`now`, taken back to before the first event read."""
        was = {group for group, inside in self._was_in.items() if inside}
        return groups_of(self._user_id, (now - self._was_in.keys()) | was)


class Cursor:
    """Walks the log for one session: says which events are its own."""

    def __init__(self, user_id: str, seq: int, groups: frozenset[str], regroupings: Regroupings) -> None:
        self.user_id, self.seq, self.groups = user_id, seq, set(groups)
        self._regroupings = regroupings

    def take(self, event: LoggedEvent) -> bool:
        """Pass over `event`, which must be the next; true when the session gets it. Joins count before it, leaves after it."""
        if event.seq != self.seq + 1:
            raise ValueError(f"event {event.seq} does not follow {self.seq}")
        mine = [change for change in self._regroupings(event) if change.user_id == self.user_id]
        self.groups.update(change.group for change in mine if change.joined)
        addressed = not self.groups.isdisjoint(event.audience)
        self.groups.difference_update(change.group for change in mine if not change.joined)
        self.groups |= {self.user_id, EVERYONE}
        self.seq = event.seq
        return addressed
