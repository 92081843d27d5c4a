from dataclasses import dataclass
from typing import Any

from cells.chat.domain.timestamps import show_ts


@dataclass(frozen=True, slots=True)
class Star:
    """One saved item: a message (channel and time), a file, or a channel."""

    kind: str
    channel_id: str = ""
    ts_us: int = 0
    file_id: str = ""
    created_us: int = 0

    @property
    def item(self) -> str:
        return f"{self.kind}:{self.channel_id}:{self.ts_us}:{self.file_id}"

    def face(self) -> dict[str, Any]:
        """As events name it; lists add the message itself."""
        face: dict[str, Any] = {"type": self.kind}
        if self.channel_id:
            face["channel"] = self.channel_id
        if self.ts_us:
            face["ts"] = show_ts(self.ts_us)
        return face | ({"file": self.file_id} if self.file_id else {})
