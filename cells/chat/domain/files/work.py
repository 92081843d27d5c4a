"""What workers do with files, as changes: claim, finish, sweep. A worker that dies between two of them has done nothing twice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cells.chat.domain.files.due_repository import Doomed, Jobs, Owed
from cells.chat.domain.files.events import audience_of, told
from cells.chat.domain.files.file import File, FileState, Job, Media, Scan
from cells.chat.domain.files.repository import Files, Shares
from cells.chat.domain.files.service import remove_file
from cells.runtime.log import Transaction

LEASE_S = 180
"""How long a worker has for one job; after that another takes it."""
ATTEMPTS_MAX = 3
SWEEP_MAX = 100
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class ClaimJob:
    """A change: the next job that is due is this worker's for LEASE_S. One that killed its workers ATTEMPTS_MAX times is dropped."""

    async def apply(self, tx: Transaction) -> tuple[Owed, File] | None:
        jobs, now_us = Jobs(tx.connection, tx.scope), tx.next_ts_us()
        for _ in range(SWEEP_MAX):
            owed = await jobs.next(now_us)
            if owed is None:
                return None
            file = await Files(tx.connection, tx.scope).get(owed.file_id)
            spent = owed.job is Job.DIGEST and owed.attempts >= ATTEMPTS_MAX
            if file is None or file.state is not FileState.READY or spent:
                await jobs.remove(owed.file_id, owed.job)
                continue
            await jobs.change_due(owed, now_us + LEASE_S * _US, owed.attempts + 1)
            return owed, file
        return None


@dataclass(frozen=True, slots=True)
class PostponeJob:
    """A change: later, because what it needs is away. It counts as no attempt."""

    owed: Owed
    after_s: float

    async def apply(self, tx: Transaction) -> None:
        await Jobs(tx.connection, tx.scope).change_due(self.owed, tx.next_ts_us() + int(self.after_s * _US), self.owed.attempts)


@dataclass(frozen=True, slots=True)
class DoomObjects:
    """A change: keys that are about to be written, to be removed unless something takes them."""

    keys: tuple[str, ...]

    async def apply(self, tx: Transaction) -> None:
        await Doomed(tx.connection, tx.scope).insert(self.keys, tx.next_ts_us() + 2 * LEASE_S * _US)


@dataclass(frozen=True, slots=True)
class FinishDigest:
    """A change: the file gets its thumbnails and text, if it is still there and nobody else has finished the job."""

    file_id: str
    media: Media
    text: str

    async def apply(self, tx: Transaction) -> bool:
        files, jobs = Files(tx.connection, tx.scope), Jobs(tx.connection, tx.scope)
        file, now_us = await files.get(self.file_id), tx.next_ts_us()
        if not await jobs.remove(self.file_id, Job.DIGEST) or file is None or file.state is not FileState.READY:
            return False
        digested = replace(file, media=self.media)
        await files.put(digested)
        await Doomed(tx.connection, tx.scope).remove([thumb.key for thumb in self.media.thumbs.values()])
        if self.text:
            await jobs.put_text(self.file_id, self.text)
        if self.text or self.media.width:
            await _tell(tx, digested, now_us)
        return True


@dataclass(frozen=True, slots=True)
class FinishScan:
    """A change: clean, and the file is handed out from now on; or not, and it stays where it is, seen by nobody."""

    file_id: str
    clean: bool

    async def apply(self, tx: Transaction) -> bool:
        files, jobs = Files(tx.connection, tx.scope), Jobs(tx.connection, tx.scope)
        file, now_us = await files.get(self.file_id), tx.next_ts_us()
        if not await jobs.remove(self.file_id, Job.SCAN) or file is None or file.state is not FileState.READY:
            return False
        scanned = replace(file, scan=Scan.CLEAN if self.clean else Scan.INFECTED)
        await files.put(scanned if self.clean else replace(scanned, public_secret="", preview=""))
        if self.clean:
            await jobs.insert(self.file_id, Job.DIGEST, now_us)
        await _tell(tx, scanned, now_us)
        return True


@dataclass(frozen=True, slots=True)
class SweepUploads:
    """A change: uploads that nobody completed in time go."""

    async def apply(self, tx: Transaction) -> int:
        now_us = tx.next_ts_us()
        expired = await Files(tx.connection, tx.scope).expired(now_us, SWEEP_MAX)
        for file in expired:
            await remove_file(tx, file, now_us)
        return len(expired)


@dataclass(frozen=True, slots=True)
class ForgetObjects:
    """A change: these are gone from the store."""

    keys: Sequence[str]

    async def apply(self, tx: Transaction) -> None:
        await Doomed(tx.connection, tx.scope).remove(self.keys)


async def _tell(tx: Transaction, file: File, now_us: int) -> None:
    shares = (await Shares(tx.connection, tx.scope).of([file.file_id])).get(file.file_id, [])
    tx.append(told("file_change", file, audience_of(file, shares), now_us))
