"""The platform that is measured: started by its own command in a temporary home, driven over its port."""

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from control_plane.provision.processes import free_port
from tests.harness.platform import Platform


@dataclass(frozen=True)
class Setting:
    platform: Platform
    owner: str
    bot: str
    cell: str

    @property
    def port(self) -> int:
        return self.platform.port

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def pids(self) -> dict[str, int]:
        """The two processes on the path of this workspace."""
        return {"router": self.platform.pid("router"), "cell": self.platform.pid(self.cell)}

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        return self.call_as(self.owner, method, **arguments)

    def call_as(self, token: str, method: str, **arguments: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.platform.api}{method}",
            data=json.dumps(arguments).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        if not found.get("ok"):
            raise RuntimeError(f"{method}: {found}")
        return found

    def channel(self, name: str) -> str:
        return str(self.call("conversations.create", name=name)["channel"]["id"])

    def socket_target(self) -> str:
        """Path and query of a new RTM socket (single use)."""
        url = urlsplit(self.call("rtm.connect")["url"])
        return f"{url.path}?{url.query}" if url.query else url.path


PACE = "WAGGLE_BENCH_MOVE_PACE"
"""Set to `none`: moves look at nobody. A pause does not depend on how fast rows came before it, and 200 moves end in less than an hour."""


@contextmanager
def setting() -> Iterator[Setting]:
    with TemporaryDirectory(prefix="waggle-bench-") as folder:
        pace = {"WAGGLE_CONTROL_MOVE_PACE": os.environ[PACE]} if PACE in os.environ else {}
        platform = Platform(Path(folder) / "home", free_port(), pace)
        platform.up(2)
        try:
            made = platform.workspace("bench", cell="cell-1")
            yield Setting(platform, made["tokens"]["owner"], made["tokens"]["bot"], made["cell"])
        finally:
            platform.down()
