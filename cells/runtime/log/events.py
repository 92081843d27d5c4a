"""What a change announces, before and after it has its place in the log."""

from dataclasses import dataclass

from chassis.identity import WorkspaceId

EVERYONE = "*"


@dataclass(frozen=True, slots=True)
class Event:
    """`payload` is the JSON text that goes on sockets, made once; `audience` holds groups: a channel, a user, or `*`."""

    kind: str
    audience: tuple[str, ...]
    payload: str


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """`seq` counts from 1 without gaps; `ts_us` rises strictly with it."""

    workspace_id: WorkspaceId
    seq: int
    ts_us: int
    kind: str
    audience: tuple[str, ...]
    payload: str
