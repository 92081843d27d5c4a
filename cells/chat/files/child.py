"""`python -m cells.chat.files.child KIND INPUT FOLDER`: looks into one file, in a process of its own, and prints what it found as JSON.

Hostile bytes meet decoders here alone. Limits are set before any decoder is loaded: address space, CPU time, size of what it
writes, no core. Its parent bounds the wall clock, gives it an environment without secrets and its own process group.
"""

import json
import resource
import sys
from pathlib import Path

OPEN_FILES_MAX = 64
WRITTEN_BYTES_MAX = 32 << 20


def bound(memory_mib: int, cpu_s: int) -> None:
    memory = memory_mib << 20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_BYTES_MAX, WRITTEN_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES_MAX, OPEN_FILES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: list[str]) -> int:
    kind, source, folder, memory_mib, cpu_s = arguments
    bound(int(memory_mib), int(cpu_s))
    # Loaded under the limits, never before them.
    from cells.chat.files import looking

    try:
        found = looking.look(kind, Path(source), Path(folder))
    except MemoryError:
        found = {"problem": "MemoryError"}
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises on hostile bytes, the file has no thumbnail
        found = {"problem": f"{type(error).__name__}: {error}"[:300]}
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
