from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.usergroups.usergroup import UserGroup
from cells.runtime.tenancy import TenantScope


class UserGroups:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, usergroup_id: str) -> UserGroup | None:
        row = (await self._connection.execute(_BY_ID, {"w": self._workspace, "g": usergroup_id})).one_or_none()
        return _group_of(row) if row else None

    async def every(self, limit: int, *, with_disabled: bool = False) -> list[UserGroup]:
        """In the order of ids; at most `limit`."""
        rows = await self._connection.execute(_LIST, {"w": self._workspace, "n": limit, "off": with_disabled})
        return [_group_of(row) for row in rows]

    async def name_taken(self, name: str) -> bool:
        return (await self._connection.execute(_NAME, {"w": self._workspace, "name": name})).one_or_none() is not None

    async def handle_taken(self, handle: str) -> bool:
        return (await self._connection.execute(_HANDLE, {"w": self._workspace, "handle": handle})).first() is not None

    async def insert(self, group: UserGroup) -> None:
        await self._connection.execute(_INSERT, {**asdict(group), "w": self._workspace})

    async def change(self, group: UserGroup) -> None:
        """All but its users."""
        await self._connection.execute(_CHANGE, {**asdict(group), "w": self._workspace})

    async def change_users(self, group: UserGroup, removed: Sequence[str], added: Sequence[str]) -> None:
        values = {"w": self._workspace, "g": group.usergroup_id, "by": group.updated_by, "at": group.updated_us}
        await self._connection.execute(_TOUCH, values)
        await self._connection.execute(_REMOVE, {"w": self._workspace, "g": group.usergroup_id, "u": list(removed)})
        await self._connection.execute(_ADD, {"w": self._workspace, "g": group.usergroup_id, "u": list(added)})


def _group_of(row: Row[Any]) -> UserGroup:
    """The columns come in the order of the fields."""
    fields: Sequence[Any] = tuple(row)
    return replace(UserGroup(*fields), users=tuple(fields[-1]))


_COLUMNS = "usergroup_id, name, handle, description, channels, created_by, updated_by, created_us, updated_us, deleted_us, deleted_by"
_FROM = (
    f"SELECT {_COLUMNS}, ARRAY(SELECT m.user_id FROM usergroup_members m WHERE m.workspace_id = g.workspace_id"  # noqa: S608 - columns of ours
    " AND m.usergroup_id = g.usergroup_id ORDER BY m.user_id) FROM usergroups g WHERE g.workspace_id = :w"
)
_BY_ID = text(f"{_FROM} AND g.usergroup_id = :g")
_LIST = text(f"{_FROM} AND (:off OR g.deleted_us = 0) ORDER BY g.usergroup_id LIMIT :n")
_NAME = text("SELECT 1 FROM usergroups WHERE workspace_id = :w AND lower(name) = lower(:name)")
_HANDLE = text(
    "SELECT 1 FROM usergroups WHERE workspace_id = :w AND handle = :handle"
    " UNION ALL SELECT 1 FROM users WHERE workspace_id = :w AND name = :handle LIMIT 1"
)
_INSERT = text(
    f"INSERT INTO usergroups (workspace_id, {_COLUMNS})"  # noqa: S608 - columns of ours
    " VALUES (:w, :usergroup_id, :name, :handle, :description, :channels, :created_by, :updated_by, :created_us, :updated_us,"
    " :deleted_us, :deleted_by)"
)
_CHANGE = text(
    "UPDATE usergroups SET name = :name, handle = :handle, description = :description, channels = :channels,"
    " updated_by = :updated_by, updated_us = :updated_us, deleted_us = :deleted_us, deleted_by = :deleted_by"
    " WHERE workspace_id = :w AND usergroup_id = :usergroup_id"
)
_TOUCH = text("UPDATE usergroups SET updated_by = :by, updated_us = :at WHERE workspace_id = :w AND usergroup_id = :g")
_REMOVE = text("DELETE FROM usergroup_members WHERE workspace_id = :w AND usergroup_id = :g AND user_id = ANY(CAST(:u AS text[]))")
_ADD = text("INSERT INTO usergroup_members (workspace_id, usergroup_id, user_id) SELECT :w, :g, u FROM unnest(CAST(:u AS text[])) AS u")
