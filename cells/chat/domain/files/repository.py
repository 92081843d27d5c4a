from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.files.file import File, FileId, FileState, Media, Scan, Share
from cells.runtime.tenancy import TenantScope
from chassis.identity import UserId

_media = msgspec.json.Decoder(Media).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the files that a user can see."""

    viewer_id: str
    sees_public: bool
    user_id: str = ""
    channel_id: str = ""
    from_us: int = 0
    to_us: int = (1 << 63) - 1
    kinds: tuple[str, ...] = ()
    """Of `files.list`: images, snippets, zips, pdfs; none: all."""
    limit: int = 100
    offset: int = 0


class Files:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, file_id: str) -> File | None:
        """In whatever state."""
        found = await self.get_many([file_id])
        return found.get(file_id)

    async def get_many(self, file_ids: Collection[str]) -> dict[str, File]:
        rows = await self._connection.execute(_GET, {"w": self._workspace, "ids": list(file_ids)})
        return {row.file_id: _file_of(row) for row in rows}

    async def visible(self, file_ids: Collection[str], viewer_id: str, *, sees_public: bool) -> set[str]:
        """Those of the files that the user can see at this moment: their own, and what is shared where they may read."""
        values = {"w": self._workspace, "ids": list(file_ids), "v": viewer_id, "p": sees_public}
        return {row.file_id for row in await self._connection.execute(_VISIBLE, values)}

    async def page(self, wanted: Wanted) -> tuple[list[File], int]:
        """One page, newest first, and how many there are in all."""
        within = bool(wanted.channel_id)
        values = {
            "w": self._workspace,
            "v": wanted.viewer_id,
            "p": wanted.sees_public,
            "u": wanted.user_id,
            "from": wanted.from_us,
            "to": wanted.to_us,
            "kinds": list(wanted.kinds),
            **({"c": wanted.channel_id} if within else {}),
        }
        rows = await self._connection.execute(_PAGE[within], {**values, "n": wanted.limit, "skip": wanted.offset})
        total = await self._connection.execute(_COUNT[within], values)
        return [_file_of(row) for row in rows], total.scalar_one()

    async def put(self, file: File) -> None:
        """Insert, or change what is there."""
        values: dict[str, Any] = {name: getattr(file, name) for name in _COLUMNS}
        values |= {"state": str(file.state), "scan": str(file.scan), "media": _encode(file.media).decode()}
        await self._connection.execute(_PUT, {"w": self._workspace, **values})

    async def used_bytes(self) -> int:
        """What all files of the workspace hold, thumbnails not counted."""
        return (await self._connection.execute(_USAGE, {"w": self._workspace})).scalar_one_or_none() or 0

    async def change_used(self, bytes_more: int) -> None:
        await self._connection.execute(_USE, {"w": self._workspace, "more": bytes_more})


class Shares:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def of(self, file_ids: Collection[str]) -> dict[str, list[Share]]:
        """All of them, oldest first, at most SHARES_SHOWN_MAX of each file."""
        return await self._find(_SHARES, {"ids": list(file_ids)})

    async def seen(self, file_ids: Collection[str], viewer_id: str, *, sees_public: bool) -> dict[str, list[Share]]:
        """Those in channels that the user may know of."""
        return await self._find(_SHARES_SEEN, {"ids": list(file_ids), "v": viewer_id, "p": sees_public})

    async def _find(self, statement: TextClause, values: dict[str, Any]) -> dict[str, list[Share]]:
        rows = await self._connection.execute(statement, {"w": self._workspace, "n": SHARES_SHOWN_MAX, **values})
        found: dict[str, list[Share]] = {}
        for row in rows:
            share = Share(FileId(row.file_id), row.channel_id, row.ts_us, row.thread_us, UserId(row.user_id), row.kind)
            found.setdefault(row.file_id, []).append(share)
        return found

    async def insert(self, shares: Sequence[Share]) -> None:
        values = [
            {"w": self._workspace, "f": s.file_id, "c": s.channel_id, "ts": s.ts_us, "thread": s.thread_us, "u": s.user_id} for s in shares
        ]
        await self._connection.execute(_SHARE, values)

    async def remove_all(self, file_id: str) -> None:
        await self._connection.execute(_UNSHARE, {"w": self._workspace, "f": file_id})


class Texts:
    """What was read in files; for search."""

    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def put(self, file_id: str, found: str) -> None:
        await self._connection.execute(_TEXT, {"w": self._workspace, "f": file_id, "t": found})

    async def remove(self, file_id: str) -> None:
        await self._connection.execute(_NO_TEXT, {"w": self._workspace, "f": file_id})

    async def get(self, file_id: str) -> str:
        """Empty where none was found."""
        found = await self._connection.execute(_READ_TEXT, {"w": self._workspace, "f": file_id})
        return found.scalar_one_or_none() or ""


def _file_of(row: Row[Any]) -> File:
    values = {name: getattr(row, name) for name in _COLUMNS}
    values |= {"state": FileState(row.state), "scan": Scan(row.scan), "media": _media(row.media)}
    return File(**values)


SHARES_SHOWN_MAX = 100
_COLUMNS = (
    "file_id",
    "user_id",
    "name",
    "title",
    "size",
    "mimetype",
    "filetype",
    "mode",
    "state",
    "object_key",
    "etag",
    "alt_txt",
    "public_secret",
    "scan",
    "preview",
    "media",
    "created_us",
    "expires_us",
    "attempts",
)
_ALL = ", ".join(f"f.{name}" for name in _COLUMNS)
_FROM = f"SELECT {_ALL} FROM files f WHERE f.workspace_id = :w"  # noqa: S608 - columns of ours
# A sub-select with a LIMIT is asked for each row; as EXISTS it may be answered for all rows at once, which reads everything.
_SAID = (
    "(SELECT true FROM messages x WHERE x.workspace_id = :w AND x.channel_id = s.channel_id AND x.ts_us = s.ts_us"
    " AND x.deleted_us IS NULL LIMIT 1)"
)
_SEEN = (
    "(f.user_id = :v OR (SELECT true FROM file_shares s JOIN channels c ON c.workspace_id = :w AND c.channel_id = s.channel_id"  # noqa: S608
    " LEFT JOIN members m ON m.workspace_id = :w AND m.channel_id = s.channel_id AND m.user_id = :v"
    f" WHERE s.workspace_id = :w AND s.file_id = f.file_id AND {_SAID}"
    " AND (m.user_id IS NOT NULL OR (:p AND c.kind = 'public_channel')) LIMIT 1))"
)
_GET = text(f"{_FROM} AND f.file_id = ANY(CAST(:ids AS text[]))")
_VISIBLE = text(
    f"SELECT f.file_id FROM files f WHERE f.workspace_id = :w AND f.file_id = ANY(CAST(:ids AS text[])) AND {_SEEN}"  # noqa: S608
)
_KINDS = (
    "(cardinality(CAST(:kinds AS text[])) = 0 OR (f.mode = 'snippet' AND 'snippets' = ANY(CAST(:kinds AS text[])))"
    " OR (f.mimetype LIKE 'image/%' AND 'images' = ANY(CAST(:kinds AS text[])))"
    " OR (f.filetype IN ('zip', 'gzip', 'tar', '7z', 'rar', 'bz2', 'xz', 'zst') AND 'zips' = ANY(CAST(:kinds AS text[])))"
    " OR (f.filetype = 'pdf' AND 'pdfs' = ANY(CAST(:kinds AS text[]))))"
)
_LISTED = f" AND f.state = 'ready' AND f.created_us BETWEEN :from AND :to AND (:u = '' OR f.user_id = :u) AND {_KINDS} AND {_SEEN}"
_IN_CHANNEL = (
    " AND f.file_id IN (SELECT s.file_id FROM file_shares s WHERE s.workspace_id = :w AND s.channel_id = :c"  # noqa: S608
    f" AND {_SAID})"
)
_LISTS = {False: _LISTED, True: _IN_CHANNEL + _LISTED}
_PAGE = {within: text(f"{_FROM}{which} ORDER BY f.created_us DESC, f.file_id LIMIT :n OFFSET :skip") for within, which in _LISTS.items()}
_COUNT = {within: text(f"SELECT count(*) FROM files f WHERE f.workspace_id = :w{which}") for within, which in _LISTS.items()}  # noqa: S608
_PUT = text(
    f"INSERT INTO files (workspace_id, {', '.join(_COLUMNS)}) VALUES (:w, {', '.join(':' + name for name in _COLUMNS)})"  # noqa: S608
    f" ON CONFLICT (workspace_id, file_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)
_USAGE = text("SELECT used_bytes FROM file_usage WHERE workspace_id = :w")
_USE = text(
    "INSERT INTO file_usage (workspace_id, used_bytes) VALUES (:w, greatest(0, :more))"
    " ON CONFLICT (workspace_id) DO UPDATE SET used_bytes = greatest(0, file_usage.used_bytes + :more)"
)
_PLACED = (
    "SELECT file_id, channel_id, ts_us, thread_us, user_id, kind FROM (SELECT s.*, c.kind,"  # noqa: S608 - conditions of ours
    " row_number() OVER (PARTITION BY s.file_id ORDER BY s.ts_us, s.channel_id) AS place FROM file_shares s"
    " JOIN channels c ON c.workspace_id = :w AND c.channel_id = s.channel_id"
    f" WHERE s.workspace_id = :w AND s.file_id = ANY(CAST(:ids AS text[])) AND {_SAID}%s) AS placed"
    " WHERE place <= :n ORDER BY file_id, place"
)
_KNOWN = (
    " AND ((:p AND c.kind = 'public_channel') OR EXISTS (SELECT 1 FROM members m WHERE m.workspace_id = :w"
    " AND m.channel_id = s.channel_id AND m.user_id = :v))"
)
_SHARES = text(_PLACED % "")
_SHARES_SEEN = text(_PLACED % _KNOWN)
_SHARE = text(
    "INSERT INTO file_shares (workspace_id, file_id, channel_id, ts_us, thread_us, user_id) VALUES (:w, :f, :c, :ts, :thread, :u)"
    " ON CONFLICT DO NOTHING"
)
_UNSHARE = text("DELETE FROM file_shares WHERE workspace_id = :w AND file_id = :f")
_TEXT = text(
    "INSERT INTO file_texts (workspace_id, file_id, text) VALUES (:w, :f, :t)"
    " ON CONFLICT (workspace_id, file_id) DO UPDATE SET text = excluded.text"
)
_NO_TEXT = text("DELETE FROM file_texts WHERE workspace_id = :w AND file_id = :f")
_READ_TEXT = text("SELECT text FROM file_texts WHERE workspace_id = :w AND file_id = :f")
