"""Who hears what: a workspace's sessions, by user and by the groups that each link has members in. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from cells.runtime.bus.links import Link
from cells.runtime.gateway.session import Session


@dataclass(eq=False, slots=True)
class _Members:
    link: Link
    sessions: set[Session] = field(default_factory=set)
    groups: Counter[str] = field(default_factory=Counter)


class Audience:
    def __init__(self) -> None:
        self._links: dict[int, _Members] = {}
        self._users: dict[str, set[Session]] = {}

    def __len__(self) -> int:
        return sum(len(members.sessions) for members in self._links.values())

    def add(self, user_id: str, session: Session) -> None:
        members = self._links.setdefault(session.link.id, _Members(session.link))
        members.sessions.add(session)
        members.groups.update(session.groups)
        self._users.setdefault(user_id, set()).add(session)

    def remove(self, user_id: str, session: Session) -> bool:
        """False when it was not here."""
        members = self._links.get(session.link.id)
        if members is None or session not in members.sessions:
            return False
        members.sessions.remove(session)
        for group in session.groups:
            self._forget(members, group)
        if not members.sessions:
            del self._links[session.link.id]
        self._forget_user(user_id, session)
        return True

    def join(self, session: Session, group: str) -> None:
        session.groups.add(group)
        self._links[session.link.id].groups[group] += 1

    def leave(self, session: Session, group: str) -> None:
        session.groups.remove(group)
        self._forget(self._links[session.link.id], group)

    def of_user(self, user_id: str) -> list[Session]:
        return list(self._users.get(user_id, ()))

    def sessions(self) -> list[Session]:
        return [session for members in self._links.values() for session in members.sessions]

    def links(self, groups: Iterable[str]) -> list[Link]:
        """Each link that has a session in any of the groups."""
        wanted = tuple(groups)
        return [members.link for members in self._links.values() if any(group in members.groups for group in wanted)]

    def sessions_in(self, groups: Iterable[str]) -> list[Session]:
        """Each session in any of the groups."""
        wanted = frozenset(groups)
        linked = [members for members in self._links.values() if not wanted.isdisjoint(members.groups)]
        return [session for members in linked for session in members.sessions if not wanted.isdisjoint(session.groups)]

    def _forget(self, members: _Members, group: str) -> None:
        members.groups[group] -= 1
        if members.groups[group] <= 0:
            del members.groups[group]

    def _forget_user(self, user_id: str, session: Session) -> None:
        self._users[user_id].discard(session)
        if not self._users[user_id]:
            del self._users[user_id]
