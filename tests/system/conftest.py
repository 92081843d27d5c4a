from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from control_plane.provision.processes import free_port
from tests.harness.platform import Platform
from tests.harness.prepared import prepare_home


@dataclass(frozen=True)
class Workspace:
    name: str
    cell: str
    workspace_id: str
    owner: str
    bot: str

    @classmethod
    def of(cls, made: dict[str, Any]) -> "Workspace":
        return cls(made["name"], made["cell"], made["workspace_id"], made["tokens"]["owner"], made["tokens"]["bot"])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Control plane, router and two cells, for the tests of one module."""
    running: Path = tmp_path_factory.mktemp("platform")
    platform = Platform(running / "home", free_port())
    prepare_home(platform.home, tmp_path_factory)
    platform.up()
    try:
        yield platform
    finally:
        platform.down()


@pytest.fixture(scope="module")
def acme(platform: Platform) -> Workspace:
    return Workspace.of(platform.workspace("acme-inc", cell="cell-1"))


@pytest.fixture(scope="module")
def globex(platform: Platform) -> Workspace:
    return Workspace.of(platform.workspace("globex", cell="cell-2"))
