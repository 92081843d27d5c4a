"""Where a platform keeps its things beneath HOME, and the ports it listens on.

platform.json        what runs now: addresses, processes (for `waggle status` and scripts)
ports.json           chosen once, kept; one that another program took is chosen again
cluster-token        the credential between processes, 0600
demo.json            the demo workspace and its tokens, 0600
cells/NAME/          cell.json (the wish), postgres/, valkey/, and what the cell itself keeps
control-plane/       postgres/
router/              the last good routes
logs/NAME.log        run/NAME.json (pid and start time of each process)
"""

import json
from pathlib import Path

from control_plane.provision.errors import PortTaken, ProvisionError
from control_plane.provision.processes import free_port, port_is_free
from control_plane.provision.secret_files import write_private


class Layout:
    """Names of files beneath `home`, which is made private to its owner."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.platform = self.home / "platform.json"
        self.lock = self.home / "supervisor.lock"
        self.token = self.home / "cluster-token"
        self.demo = self.home / "demo.json"
        self.served = self.home / "served"
        self.run = self.home / "run"
        self.logs = self.home / "logs"
        self.router = self.home / "router"
        self.control_plane = self.home / "control-plane"

    def create(self) -> None:
        """Raises ProvisionError where that cannot be."""
        for folder in (self.home, self.home / "cells", self.run, self.logs, self.router, self.control_plane):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise ProvisionError(f"the home {self.home} cannot be used: {error.strerror or error} ({folder})") from None

    def cell(self, name: str) -> Path:
        return self.home / "cells" / name

    def log(self, process: str) -> Path:
        return self.logs / f"{process}.log"


class Ports:
    """Ports by what listens there, kept in a file so that addresses survive a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, int] = _read(path)
        self._settled: set[str] = set()

    def get(self, name: str) -> int:
        """The port of `name`. Asked for the first time in this run, a kept one that is taken is replaced."""
        if name not in self._settled:
            kept = self._kept.get(name)
            if kept is None or not port_is_free(kept):
                self._keep(name, free_port(besides=self._kept.values()))
            self._settled.add(name)
        return self._kept[name]

    def kept(self, name: str) -> int | None:
        return self._kept.get(name)

    def require(self, name: str, port: int) -> int:
        """Exactly this port, or PortTaken; 0 is any free one."""
        if port == 0:
            return self.get(name)
        if not port_is_free(port):
            raise PortTaken(port, f"the {name}")
        self._settled.add(name)
        self._keep(name, port)
        return port

    def _keep(self, name: str, port: int) -> None:
        self._kept[name] = port
        write_private(self._path, json.dumps(self._kept, indent=1) + "\n")


def _read(path: Path) -> dict[str, int]:
    try:
        return {str(name): int(port) for name, port in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError) as error:
        raise ProvisionError(f"{path} is damaged ({error}); remove it and new ports are chosen") from error
