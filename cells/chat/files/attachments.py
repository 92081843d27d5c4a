"""A workspace's bytes, for a move: they are copied as they lie, under the same keys."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from cells.chat.domain.files.tables import files
from cells.chat.files.store import ObjectStore
from chassis.identity import WorkspaceId

PURGE_MAX = 200


@dataclass(frozen=True, slots=True)
class StoredAttachments:
    store: ObjectStore

    @property
    def told_by(self) -> frozenset[str]:
        """Originals and thumbnails alike: by the row of their file."""
        return frozenset((files.name,))

    async def place(self) -> str:
        return await self.store.identity()

    def list(self, workspace_id: WorkspaceId) -> AsyncIterator[tuple[str, int]]:
        return self.store.list(f"{workspace_id}/")

    def read(self, key: str) -> AsyncIterator[bytes]:
        return self.store.read(key)

    async def size(self, key: str) -> int | None:
        return await self.store.size(key)

    async def write(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        size = 0
        async with self.store.writing(key) as writer:
            async for chunk in chunks:
                size += len(chunk)
                await writer.write(chunk)
        return size

    async def purge(self, workspace_id: WorkspaceId) -> int:
        removed = 0
        async for key, _ in self.store.list(f"{workspace_id}/"):
            await self.store.remove(key)
            removed += 1
            if removed >= PURGE_MAX:
                break
        return removed
