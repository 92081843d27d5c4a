"""Versions on this machine: HOME/builds.json names folders with code of their own, from which cells' processes may be started.

A build is a folder that Python can import `cells` and `migrations` from: a checkout, an unpacked archive, or what `pip install
--target` made. Where it has an interpreter (`.venv/bin/python`, `bin/python`) that one runs it, else ours. Our own code is a
version too: the one that needs no folder.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from control_plane.provision.errors import ProvisionError
from control_plane.provision.launch import plain_environment
from control_plane.provision.secret_files import write_private

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
BUILDS_MAX = 32
PROBE_S_MAX = 60.0
INTERPRETERS = (".venv/bin/python", "bin/python", ".venv/Scripts/python.exe")
_PROBE = """
import json, pathlib, sys
import cells, migrations
from alembic.script import ScriptDirectory
scripts = ScriptDirectory(str(pathlib.Path(migrations.__path__[0]) / "cell"))
json.dump([str(cells.__path__[0]), [one.revision for one in scripts.walk_revisions()][::-1]], sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Build:
    """`path` None: our own code."""

    version: str
    path: Path | None
    python: Path
    revisions: tuple[str, ...]
    """Of a cell's schema, oldest first."""

    @property
    def environment(self) -> dict[str, str]:
        """What makes an interpreter run this code and say so."""
        return {} if self.path is None else {"PYTHONPATH": str(self.path), "WAGGLE_BUILD": self.version}


class Builds:
    def __init__(self, home: Path) -> None:
        self._file = home / "builds.json"

    def list(self) -> tuple[Build, ...]:
        """Our own code first. Raises ProvisionError where the file is damaged."""
        try:
            kept = json.loads(self._file.read_text())
            return (_own(), *(_build(version, kept[version]) for version in sorted(kept)))
        except FileNotFoundError:
            return (_own(),)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProvisionError(f"{self._file} is damaged ({error!r}); remove it and add its builds again") from error

    def require(self, version: str) -> Build:
        """Empty is our own code. Raises ProvisionError naming what there is."""
        known = {build.version: build for build in self.list()}
        found = known.get(version or _own().version)
        if found is None:
            raise ProvisionError(f"there is no build {version!r} here; there are {', '.join(known)} (waggle fleet builds add VERSION PATH)")
        if found.path is not None and not (found.path.is_dir() and found.python.exists()):
            raise ProvisionError(f"build {version} is gone: {found.path} or its interpreter {found.python} is not there any more")
        return found

    def add(self, version: str, path: Path) -> Build:
        """The same again changes nothing. Raises ProvisionError: the name, the folder, or what the code says when it is asked."""
        if not VERSION.fullmatch(version):
            raise ProvisionError(f"version {version!r} is not allowed: letters, digits and '._+-', at most 64")
        known = {build.version: build for build in self.list()}
        if version == _own().version:
            raise ProvisionError(f"{version} is the version of the code that runs this platform; it needs no folder")
        if version in known and known[version].path != path.absolute():
            raise ProvisionError(f"build {version} is {known[version].path} already; a version is one code for ever")
        if version not in known and len(known) > BUILDS_MAX:
            raise ProvisionError(
                f"there are {BUILDS_MAX} builds here, the most that are allowed; waggle fleet builds remove takes one away"
            )
        build = _probed(version, path.absolute())
        self._write({**known, version: build})
        return build

    def remove(self, version: str) -> None:
        """Forget it; its folder stays. Whether cells want it is for the caller to ask."""
        known = {build.version: build for build in self.list()}
        if version not in known or known[version].path is None:
            raise ProvisionError(
                f"there is no build {version!r} to remove; there are {', '.join(v for v in known if known[v].path) or 'none'}"
            )
        del known[version]
        self._write(known)

    def _write(self, builds: dict[str, Build]) -> None:
        kept = {
            version: {"path": str(build.path), "python": str(build.python), "revisions": build.revisions}
            for version, build in builds.items()
            if build.path is not None
        }
        write_private(self._file, json.dumps(kept, indent=1) + "\n")


def _own() -> Build:
    from migrations.environment import revisions_of  # alembic takes 0.2 s to import; only who asks for versions needs it

    return Build(version_of("waggle"), None, Path(sys.executable), revisions_of("cell"))


def _build(version: str, record: dict[str, Any]) -> Build:
    return Build(version, Path(record["path"]), Path(record["python"]), tuple(record["revisions"]))


def _probed(version: str, path: Path) -> Build:
    """Start its interpreter once: a folder that cannot be imported is refused now, and not in a cell."""
    python = next((found for name in INTERPRETERS if (found := path / name).exists()), Path(sys.executable))
    try:
        asked = subprocess.run(  # noqa: S603
            [str(python), "-c", _PROBE],
            env={**plain_environment({}), "PYTHONPATH": str(path)},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=PROBE_S_MAX,
            check=False,
        )
        place, revisions = json.loads(asked.stdout) if asked.returncode == 0 else ("", [])
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ProvisionError(f"{path} is no build: {python} did not answer: {error}") from error
    if asked.returncode:
        raise ProvisionError(f"{path} is no build: {(asked.stderr.strip().splitlines() or ['no word'])[-1]}")
    if not Path(place).is_relative_to(path):
        raise ProvisionError(f"{path} has no code of its own: cells is imported from {place}")
    return Build(version, path, python, tuple(revisions))
