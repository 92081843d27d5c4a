"""Logs that do not fill the disk: a file over the limit becomes NAME.log.1 (one is kept) and starts again.

Copied and cut, not renamed, because the process has the file open; it appends, so it goes on at the new end. Lines
written between copy and cut are lost.
"""

import shutil
from pathlib import Path

LOG_BYTES_MAX = 16 * 1024 * 1024


def limit_logs(folder: Path, bytes_max: int = LOG_BYTES_MAX) -> list[str]:
    """Returns the names of those that were cut."""
    cut = []
    for path in folder.glob("*.log"):
        if path.stat().st_size > bytes_max:
            shutil.copy(path, path.with_name(path.name + ".1"))
            with path.open("r+b") as file:
                file.truncate(0)
            cut.append(path.name)
    return cut
