"""HOME/platform.json: what runs and where, for `waggle status`, a detached `up` and scripts. Replaced whole, never half written."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from control_plane.provision.secret_files import write_private
from control_plane.provision.supervision import Seen


@dataclass(frozen=True, slots=True)
class PlatformState:
    """`control_plane` is the address of the admin API; `ready` means that requests are served."""

    pid: int
    ready: bool
    public_url: str
    control_plane: str
    processes: tuple[Seen, ...]

    @property
    def api_url(self) -> str:
        return f"{self.public_url}/api/"


def write_state(path: Path, state: PlatformState) -> None:
    write_private(path, json.dumps({**asdict(state), "api_url": state.api_url}, indent=1) + "\n")


def read_state(path: Path) -> PlatformState | None:
    """The state as last written; None when there is none that can be read. Its writer may be dead: see the lock."""
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
        return PlatformState(
            pid=int(kept["pid"]),
            ready=bool(kept["ready"]),
            public_url=str(kept["public_url"]),
            control_plane=str(kept["control_plane"]),
            processes=_processes(kept["processes"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _processes(kept: Sequence[dict[str, Any]]) -> tuple[Seen, ...]:
    return tuple(Seen(**one) for one in kept)
