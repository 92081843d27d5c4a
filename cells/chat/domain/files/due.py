"""What waits for its time, by name: objects to remove from the store, uploads to give up, files to look into.

An object's key is doomed before its first byte is written and saved by the change that takes it, so whatever a crash leaves in the
store is on this list.
"""

from collections.abc import Iterable

from cells.chat.domain.files.file import File, Scan
from cells.runtime.jobs import drop_due, plan_due
from cells.runtime.log import Transaction

REMOVE = "file.remove"
"""Key: of the object."""
EXPIRE = "file.expire"
SCAN = "file.scan"
"""Comes first, where there is a scanner: nothing else is done to what is not clean."""
DIGEST = "file.digest"
"""Thumbnails and text."""
OF_FILE = (EXPIRE, SCAN, DIGEST)


async def doom(tx: Transaction, keys: Iterable[str], due_us: int) -> None:
    """Remove these at that time, unless they are saved before."""
    for key in keys:
        await plan_due(tx, REMOVE, key, due_us)


async def save(tx: Transaction, keys: Iterable[str]) -> None:
    for key in keys:
        await drop_due(tx, REMOVE, key)


async def owe(tx: Transaction, file: File, now_us: int) -> None:
    """What a worker has to do with a file that has just become one."""
    await plan_due(tx, SCAN if file.scan is Scan.PENDING else DIGEST, file.file_id, now_us)


async def forgive(tx: Transaction, file_id: str) -> None:
    """Nothing is owed to it any more."""
    for name in OF_FILE:
        await drop_due(tx, name, file_id)
