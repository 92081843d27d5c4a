"""A platform of real processes, driven as its users drive it: by the `waggle` command and over its port."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

UNLIMITED = {"WAGGLE_CELL_RATE_LIMITS": "0"}
"""Tests and benches call as fast as they can; those of the limits themselves set them."""
WAGGLE = str(Path(sys.executable).with_name("waggle"))


@dataclass
class Refused(Exception):
    """The command ended with a non-zero exit; `line` is its stderr, `said` its stdout."""

    exit_code: int
    line: str
    said: str = ""


@dataclass(frozen=True)
class Platform:
    home: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    """What `waggle` finds in its environment, by variable."""

    @property
    def api(self) -> str:
        scheme = "https" if "WAGGLE_ROUTER_CERTIFICATE" in self.settings else "http"
        return f"{scheme}://127.0.0.1:{self.port}/api/"

    def waggle(self, *words: str, timeout_s: float = 90) -> Any:
        """Run a verb with --json; returns what it printed, parsed. Raises Refused."""
        text = self.run(*words, "--json", timeout_s=timeout_s)
        return json.loads(text)

    def run(self, *words: str, timeout_s: float = 90) -> str:
        done = subprocess.run(
            [WAGGLE, *words, "--home", str(self.home)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={**clean_environment(), **UNLIMITED, **self.settings},
            check=False,
        )
        if done.returncode:
            raise Refused(done.returncode, done.stderr.strip(), done.stdout)
        return done.stdout

    def up(self, cells: int = 2, *more: str) -> None:
        self.run("up", "--cells", str(cells), "--port", str(self.port), "--detach", *more, timeout_s=120)

    def down(self) -> None:
        self.run("down")

    def workspace(self, name: str, cell: str | None = None) -> dict[str, Any]:
        made: dict[str, Any] = self.waggle("workspace", "create", name, *(("--cell", cell) if cell else ()))
        return made

    def pid(self, process: str) -> int:
        """The pid of a supervised process, e.g. `cell-1`, `router`, `control-plane`, as the supervisor recorded it."""
        recorded: int = json.loads((self.home / "run" / f"{process}.json").read_text())["pid"]
        return recorded


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of Waggle's own, which would leak into the platform under test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WAGGLE_")}
