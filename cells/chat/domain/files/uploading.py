"""An upload, step by step. Each step may be done again; only the last of them shows the file to anybody."""

from dataclasses import dataclass, replace

from cells.chat.domain.files.due import EXPIRE, doom, save
from cells.chat.domain.files.errors import ContentTaken, FileTooLarge, UploadNotOpen
from cells.chat.domain.files.file import UNKNOWN_SIZE, Content, File, FileId, FileState, Media, Scan
from cells.chat.domain.files.quota import quota_of
from cells.chat.domain.files.repository import Files
from cells.chat.domain.files.service import remove_file
from cells.chat.domain.plans.errors import StorageLimitExceeded
from cells.runtime.jobs import plan_due
from cells.runtime.log import Transaction
from chassis.identity import UserId, make_id

OPEN_S = 3600
"""How long an address to upload to is good for; an upload under way may take as long again."""
RECEIVED_S = 24 * 3600
"""How long the bytes wait for completion."""
UNCLAIMED_S = 2 * OPEN_S
"""After this an object that no file took is removed."""
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A change: a file that nobody sees yet, for one user's bytes."""

    user_id: UserId
    name: str
    size: int
    alt_txt: str = ""
    filetype: str = ""
    """As the user said, for a snippet."""

    async def apply(self, tx: Transaction) -> File:
        files = Files(tx.connection, tx.scope)
        quota = await quota_of(tx.connection, tx.scope)
        if self.size > quota.file_bytes_max:
            raise FileTooLarge
        if max(self.size, 1) > quota.free_bytes:
            raise StorageLimitExceeded
        file = self._file(tx.next_ts_us())
        await files.put(file)
        await plan_due(tx, EXPIRE, file.file_id, file.expires_us)
        return file

    def _file(self, now_us: int) -> File:
        return File(
            file_id=FileId(make_id("F")),
            user_id=self.user_id,
            name=self.name,
            title=self.name,
            size=self.size,
            mimetype="",
            filetype=self.filetype,
            mode="snippet" if self.filetype else "hosted",
            state=FileState.OPEN,
            object_key="",
            etag="",
            alt_txt=self.alt_txt,
            public_secret="",
            scan=Scan.NONE,
            preview="",
            media=Media(),
            created_us=now_us,
            expires_us=now_us + OPEN_S * _US,
        )


@dataclass(frozen=True, slots=True)
class BeginUpload:
    """A change: bytes are about to be written under this key; if nothing takes them they go again."""

    file_id: str
    object_key: str

    async def apply(self, tx: Transaction) -> tuple[File, int]:
        """The file, and how many bytes it may have."""
        files = Files(tx.connection, tx.scope)
        file, now_us = await files.get(self.file_id), tx.next_ts_us()
        if file is None or file.state is not FileState.OPEN or file.expires_us < now_us:
            raise UploadNotOpen
        quota = await quota_of(tx.connection, tx.scope)
        allowed = min(quota.free_bytes, quota.file_bytes_max)
        if file.size > allowed:
            raise StorageLimitExceeded
        await doom(tx, [self.object_key], now_us + UNCLAIMED_S * _US)
        return file, allowed if file.size == UNKNOWN_SIZE else file.size


@dataclass(frozen=True, slots=True)
class ReceiveUpload:
    """A change: the file takes its bytes, once. The same bytes again are answered with what is there."""

    file_id: str
    content: Content
    scanned: bool = False
    """A virus scanner is asked before anybody gets it."""

    async def apply(self, tx: Transaction) -> File:
        files = Files(tx.connection, tx.scope)
        file, now_us = await files.get(self.file_id), tx.next_ts_us()
        if file is None or file.state is FileState.DELETED:
            raise UploadNotOpen
        if file.state is not FileState.OPEN:
            return self._again(file)
        if self.content.size > (await quota_of(tx.connection, tx.scope)).free_bytes:
            raise StorageLimitExceeded
        received = self._received(file, now_us)
        await files.put(received)
        await files.change_used(received.size)
        await save(tx, [self.content.object_key])
        await plan_due(tx, EXPIRE, file.file_id, received.expires_us)
        return received

    def _again(self, file: File) -> File:
        if file.etag != self.content.etag:
            raise ContentTaken
        return file

    def _received(self, file: File, now_us: int) -> File:
        content = self.content
        return replace(
            file,
            state=FileState.RECEIVED,
            object_key=content.object_key,
            size=content.size,
            etag=content.etag,
            mimetype=content.mimetype,
            filetype=file.filetype or content.filetype,
            mode="snippet" if file.mode == "snippet" else content.mode,
            preview=content.preview,
            scan=Scan.PENDING if self.scanned else Scan.NONE,
            expires_us=now_us + RECEIVED_S * _US,
        )


async def expire(tx: Transaction, file_id: str) -> None:
    """Due work: an upload that nobody completed in time goes."""
    file = await Files(tx.connection, tx.scope).get(file_id)
    if file is not None and file.state in (FileState.OPEN, FileState.RECEIVED):
        await remove_file(tx, file, tx.next_ts_us())
