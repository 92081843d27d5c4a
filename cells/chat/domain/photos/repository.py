from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import TenantScope


class Photos:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, photo_id: str, size_px: int) -> bytes | None:
        found = await self._connection.execute(_GET, {"w": self._workspace, "id": photo_id, "size": size_px})
        return found.scalar_one_or_none()

    async def replace(self, user_id: str, photo_id: str, images: Mapping[int, bytes]) -> None:
        """The user's photos from before are gone."""
        await self._connection.execute(_REMOVE, {"w": self._workspace, "u": user_id})
        for size_px, image in images.items():
            values = {"w": self._workspace, "u": user_id, "id": photo_id, "size": size_px, "image": image}
            await self._connection.execute(_INSERT, values)


_GET = text("SELECT image FROM photos WHERE workspace_id = :w AND photo_id = :id AND size_px = :size")
_REMOVE = text("DELETE FROM photos WHERE workspace_id = :w AND user_id = :u")
_INSERT = text("INSERT INTO photos (workspace_id, photo_id, size_px, user_id, image) VALUES (:w, :id, :size, :u, :image)")
