"""What a session is told before the feed takes over: hello, and the events it missed, in frames of bounded size."""

from cells.runtime.gateway.cursor import Cursor
from cells.runtime.gateway.session import Session
from chassis.identity import WorkspaceId
from protos.tunnel.v1 import tunnel_pb2


class Replay:
    """Usually one `Opened` with everything. Beyond `bytes_max` the first piece goes as an `Opened` without groups, the next
    ones as messages with their seq, and a `Regroup` puts the session into its groups at the end."""

    def __init__(self, session: Session, cursor: Cursor, state: bytes, workspace_id: WorkspaceId, bytes_max: int) -> None:
        self.cursor = cursor
        self.whole = True
        """Nothing was sent yet: `Opened.seq` may still lie ahead of the feed."""
        self._session, self._state, self._workspace_id, self._bytes_max = session, state, workspace_id, bytes_max
        self._waiting: list[tuple[str, int]] = []
        self._bytes = 0

    def add(self, text: str, seq: int) -> None:
        """`seq` is the event's; of a hello, where the session stands."""
        self._waiting.append((text, seq))
        self._bytes += len(text)

    @property
    def large(self) -> bool:
        return self._bytes > self._bytes_max

    async def flush(self) -> None:
        """Send what waits, then let the link breathe. Raises LinkFull."""
        self._send(groups=())
        await self._session.link.drain()

    def finish(self) -> None:
        """Send what waits and put the session into the cursor's groups. Raises LinkFull."""
        whole, groups = self.whole, sorted(self.cursor.groups)
        self._send(groups=tuple(groups))
        if not whole:
            regroup = tunnel_pb2.Regroup(workspace_id=self._workspace_id, sessions=[self._session.stream], join=groups)
            self._session.link.send(tunnel_pb2.Frame(regroup=regroup))

    def _send(self, groups: tuple[str, ...]) -> None:
        if self.whole:
            self._session.link.send(tunnel_pb2.Frame(stream=self._session.stream, opened=self._opened(groups)))
        else:
            for text, seq in self._waiting:
                self._session.tell(text, seq)
        self.whole, self._waiting, self._bytes = False, [], 0

    def _opened(self, groups: tuple[str, ...]) -> tunnel_pb2.Opened:
        texts, seqs = [text for text, _ in self._waiting], [seq for _, seq in self._waiting]
        admitted = self._session.admitted
        numbered = admitted is not None and admitted.numbered
        return tunnel_pb2.Opened(seq=self.cursor.seq, state=self._state, groups=groups, messages=texts, seqs=seqs, numbered=numbered)
