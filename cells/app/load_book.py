"""What this process has told of how busy its workspaces are, and what of it is news. Pure: no I/O, no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chassis.identity import WorkspaceId
from protos.directory.v1 import directory_pb2

PAGE_MAX = 1_000
EVENTS_AT_ONCE = 100
"""Who grew by as much is told of in the next round; who grew by less, after `ROUNDS_LATE`."""
ROUNDS_LATE = 10
CONNECTIONS_SHARE = 0.1
"""A number of connections that changed by less of itself is no news, but for the first and the last."""
AGAIN_S = 3600.0
"""Connections are told again after so long: the control plane forgets those of processes it believes dead."""
SIZE_SHARE = 0.25
"""A size that was measured anew is told by itself when it is so far from the one told."""
GROWN_MIN, GROWN_SHARE = 100, 0.1
"""Events in a log since its workspace was last sized, at least, for sizing it again to be worth it."""


@dataclass(frozen=True, slots=True)
class Standing:
    seq: int | None
    """None: other processes of the cell tell it."""
    connections: int


@dataclass(slots=True)
class _Told:
    seq: int | None = None
    connections: int = 0
    bytes: int = 0
    at_s: float = float("-inf")


@dataclass(slots=True)
class LoadBook:
    _told: dict[WorkspaceId, _Told] = field(default_factory=dict)
    _sized: dict[WorkspaceId, tuple[int, int]] = field(default_factory=dict)
    """(seq, bytes) when last sized."""
    _sums: tuple[int, int] = (0, 0)
    """Of those."""

    def news(self, standings: Mapping[WorkspaceId, Standing], now_s: float, interval_s: float) -> list[directory_pb2.WorkspaceLoad]:
        """At most a page; those that are told first come first again when nobody has heard it (see `heard`)."""
        page: list[directory_pb2.WorkspaceLoad] = []
        for workspace_id, now in standings.items():
            if (load := self._news(workspace_id, now, now_s, interval_s)) is not None:
                page.append(load)
                if len(page) == PAGE_MAX:
                    return page
        gone = [known for known, told in self._told.items() if known not in standings and told.connections]
        page += [directory_pb2.WorkspaceLoad(workspace_id=known, connections=0) for known in gone[: PAGE_MAX - len(page)]]
        return page

    def _news(self, workspace_id: WorkspaceId, now: Standing, now_s: float, interval_s: float) -> directory_pb2.WorkspaceLoad | None:
        told = self._told.get(workspace_id)
        if told is None:
            told = self._told[workspace_id] = _Told()
        grown = now.seq is not None and _is_news(told, now.seq, now_s, interval_s)
        connected = _differs(told.connections, now.connections) or (now.connections > 0 and now_s - told.at_s > AGAIN_S)
        is_sized = now.seq is not None and workspace_id in self._sized
        resized = is_sized and abs(self._bytes(workspace_id, now.seq) - told.bytes) > SIZE_SHARE * told.bytes
        if not grown and not connected and not resized:
            return None
        seq, bytes_ = (now.seq, self._bytes(workspace_id, now.seq) or None) if grown or resized else (None, None)
        connections = now.connections if now.connections != told.connections or connected else None
        return directory_pb2.WorkspaceLoad(workspace_id=workspace_id, seq=seq, bytes=bytes_, connections=connections)

    def heard(self, page: Iterable[directory_pb2.WorkspaceLoad], now_s: float) -> None:
        for load in page:
            told = self._told.setdefault(WorkspaceId(load.workspace_id), _Told())
            told.at_s = now_s
            if load.HasField("seq"):
                told.seq, told.bytes = load.seq, load.bytes
            if load.HasField("connections"):
                told.connections = load.connections

    def forget_others(self, standings: Mapping[WorkspaceId, Standing]) -> None:
        """Of workspaces that are here no more, once that is told."""
        for gone in [known for known, told in self._told.items() if known not in standings and not told.connections]:
            del self._told[gone]
            self._forget_size(gone)

    # sizes

    def to_size(self, standings: Mapping[WorkspaceId, Standing]) -> WorkspaceId | None:
        """Whose log has grown most since it was sized; None: nobody's by enough."""
        grown = ((now.seq - self._sized.get(one, (0, 0))[0], one) for one, now in standings.items() if now.seq is not None)
        by, most = max(grown, default=(0, WorkspaceId("")))
        return most if by >= max(GROWN_MIN, GROWN_SHARE * self._sized.get(most, (0, 0))[0]) else None

    def size(self, workspace_id: WorkspaceId, seq: int, bytes_: int) -> None:
        self._forget_size(workspace_id)
        self._sized[workspace_id] = seq, bytes_
        self._sums = self._sums[0] + seq, self._sums[1] + bytes_

    def _forget_size(self, workspace_id: WorkspaceId) -> None:
        seq, bytes_ = self._sized.pop(workspace_id, (0, 0))
        self._sums = self._sums[0] - seq, self._sums[1] - bytes_

    def _bytes(self, workspace_id: WorkspaceId, seq: int | None) -> int:
        """As sized and grown since; for one that never was, as much for an event as the others have. 0: not known."""
        sized_seq, size = self._sized.get(workspace_id, (0, 0))
        if sized_seq:
            return round(size * max(seq or 0, sized_seq) / sized_seq)
        events, total = self._sums
        return round(total / events * (seq or 0)) if events else 0


def _is_news(told: _Told, seq: int, now_s: float, interval_s: float) -> bool:
    if told.seq is None:
        return True
    return seq - told.seq >= EVENTS_AT_ONCE or (seq > told.seq and now_s - told.at_s >= ROUNDS_LATE * interval_s)


def _differs(told: int, now: int) -> bool:
    return told != now and (not told or not now or abs(now - told) >= CONNECTIONS_SHARE * told)
