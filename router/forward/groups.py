"""Who hears a broadcast: the sessions of one tunnel by workspace and group. Pure; the hot path of every event."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol


class Member(Protocol):
    """A session as its groups see it."""

    groups: set[str]
    seq: int
    """Of the last event it was given."""

    def deliver(self, text: str, seq: int) -> bool:
        """False: the socket does not keep up."""

    def on_slow(self) -> None:
        """Called after a broadcast in which `deliver` said False."""


@dataclass(slots=True)
class _Workspace:
    members: dict[str, set[Member]] = field(default_factory=dict)
    seq: int = 0
    """Of the last broadcast: every member has been given all it should have up to here."""


class Groups:
    def __init__(self) -> None:
        self._workspaces: dict[str, _Workspace] = {}

    def join(self, workspace_id: str, member: Member, groups: Iterable[str]) -> None:
        workspace = self._workspaces.get(workspace_id)
        if workspace is None:
            workspace = self._workspaces[workspace_id] = _Workspace()
        for group in groups:
            workspace.members.setdefault(group, set()).add(member)
            member.groups.add(group)

    def leave(self, workspace_id: str, member: Member, groups: Iterable[str]) -> None:
        workspace = self._workspaces.get(workspace_id)
        if workspace is None:
            return
        for group in tuple(groups):
            member.groups.discard(group)
            members = workspace.members.get(group)
            if members is not None:
                members.discard(member)
                if not members:
                    del workspace.members[group]
        if not workspace.members:
            del self._workspaces[workspace_id]

    def reached(self, workspace_id: str, member: Member) -> int:
        """The seq up to which the member has been given everything. A member of no group is still being caught up, message by message."""
        workspace = self._workspaces.get(workspace_id)
        if workspace is None or not member.groups:
            return member.seq
        return max(member.seq, workspace.seq)

    def broadcast(self, workspace_id: str, groups: Iterable[str], text: str, seq: int, without: Iterable[str] = ()) -> list[Member]:
        """Give the event once to each session in any of the groups and none of `without`; returns those whose sockets do not keep up."""
        workspace = self._workspaces.get(workspace_id)
        if workspace is None:
            return []
        if seq > workspace.seq:
            workspace.seq = seq
        if without:
            left_out = set(self._audience(workspace, without))
            return [m for m in self._audience(workspace, groups) if m not in left_out and not m.deliver(text, seq)]
        return [m for m in self._audience(workspace, groups) if not (seq and m.seq >= seq) and not m.deliver(text, seq)]

    def _audience(self, workspace: _Workspace, groups: Iterable[str]) -> Iterable[Member]:
        found = [members for group in groups if (members := workspace.members.get(group)) is not None]
        if len(found) == 1:
            return found[0]
        return set().union(*found)
