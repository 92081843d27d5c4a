"""What workers do with files, as changes. One that dies between two of them has done nothing twice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cells.chat.domain.files.due import DIGEST, REMOVE, SCAN, doom, save
from cells.chat.domain.files.events import audience_of, told
from cells.chat.domain.files.file import File, FileState, Media, Scan
from cells.chat.domain.files.repository import Files, Shares, Texts
from cells.runtime.jobs import drop_due, plan_due
from cells.runtime.log import Transaction

ATTEMPTS_MAX = 3
WRITING_S = 900
"""After this a thumbnail that no file took is removed."""
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class BeginDigest:
    """A change: one more attempt, whose results will lie under these keys. None where nothing is to be done (any more): the file is
    gone, or it has cost ATTEMPTS_MAX workers their lives."""

    file_id: str
    keys: Sequence[str]

    async def apply(self, tx: Transaction) -> File | None:
        files = Files(tx.connection, tx.scope)
        file = await files.get(self.file_id)
        if file is None or file.state is not FileState.READY or file.attempts >= ATTEMPTS_MAX:
            await drop_due(tx, DIGEST, self.file_id)
            return None
        await files.put(replace(file, attempts=file.attempts + 1))
        await doom(tx, self.keys, tx.next_ts_us() + WRITING_S * _US)
        return file


@dataclass(frozen=True, slots=True)
class FinishDigest:
    """A change: the file gets its thumbnails and text, if it is still there and nobody else has finished."""

    file_id: str
    media: Media
    text: str
    keys: Sequence[str]
    """All that were doomed for this attempt: those without an object have nothing to be removed."""

    async def apply(self, tx: Transaction) -> bool:
        files, now_us = Files(tx.connection, tx.scope), tx.next_ts_us()
        file = await files.get(self.file_id)
        if file is None or file.state is not FileState.READY or not await drop_due(tx, DIGEST, self.file_id):
            return False
        digested = replace(file, media=self.media)
        await files.put(digested)
        await save(tx, self.keys)
        if self.text:
            await Texts(tx.connection, tx.scope).put(self.file_id, self.text)
        if self.text or self.media.width:
            await _tell(tx, digested, now_us)
        return True


@dataclass(frozen=True, slots=True)
class FinishScan:
    """A change: clean, and the file is handed out from now on; or not, and it stays where it is, seen by nobody."""

    file_id: str
    clean: bool

    async def apply(self, tx: Transaction) -> bool:
        files, now_us = Files(tx.connection, tx.scope), tx.next_ts_us()
        file = await files.get(self.file_id)
        if file is None or file.state is not FileState.READY or not await drop_due(tx, SCAN, self.file_id):
            return False
        scanned = replace(file, scan=Scan.CLEAN) if self.clean else replace(file, scan=Scan.INFECTED, public_secret="", preview="")
        await files.put(scanned)
        if self.clean:
            await plan_due(tx, DIGEST, self.file_id, now_us)
        await _tell(tx, scanned, now_us)
        return True


@dataclass(frozen=True, slots=True)
class ForgetObject:
    """A change: it is gone from the store."""

    key: str

    async def apply(self, tx: Transaction) -> None:
        await drop_due(tx, REMOVE, self.key)


@dataclass(frozen=True, slots=True)
class ForgetScan:
    """A change: there is nothing to scan any more."""

    file_id: str

    async def apply(self, tx: Transaction) -> None:
        await drop_due(tx, SCAN, self.file_id)


async def _tell(tx: Transaction, file: File, now_us: int) -> None:
    shares = (await Shares(tx.connection, tx.scope).of([file.file_id])).get(file.file_id, [])
    tx.append(told("file_change", file, audience_of(file, shares), now_us))
