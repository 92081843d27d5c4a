"""What can be known of the image without building it: no engine runs where the tests do."""

import importlib.util
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
LINES = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text()).splitlines()
MODULES = ("cells.app", "router.app", "control_plane.app", "migrations")


def said(instruction: str) -> list[str]:
    return [line.removeprefix(instruction).strip() for line in LINES if line.startswith(f"{instruction} ")]


def sources() -> list[str]:
    """What is copied from this repository."""
    return [name for line in said("COPY") if "--from=" not in line for name in line.split()[:-1]]


def test_what_is_copied_exists_and_is_let_through() -> None:
    wanted = sources()
    assert not [name for name in wanted if not (ROOT / name).exists()]
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert let_through == set(wanted)


def test_every_package_is_in_it() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = {name for name in sources() if (ROOT / name).is_dir()}
    assert all(any(fnmatch(name, pattern) for name in copied) for pattern in patterns) and len(copied) == len(patterns)
    assert {module.partition(".")[0] for module in MODULES} <= copied


def test_what_the_charts_start_is_in_it() -> None:
    started = set(re.findall(r"command: \[python, -m, ([a-z_.]+)", "".join(p.read_text() for p in ROOT.glob("helm/*/templates/*.yaml"))))
    assert started == set(MODULES)
    for module in started:
        assert importlib.util.find_spec(f"{module}.__main__") is not None
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"] == {"waggle": "control_plane.cli.__main__:main"}


def test_it_runs_as_the_user_that_the_charts_name_and_never_as_root() -> None:
    assert said("USER")[-1] == "10001:10001" and LINES.index("USER 10001:10001") > max(
        n for n, line in enumerate(LINES) if line.startswith("FROM ")
    )
    charts = "".join(path.read_text() for path in ROOT.glob("helm/*/templates/*.yaml"))
    assert set(re.findall(r'"house.podSecurity" \(dict "user" (\d+)\)', charts)) == {"10001", "999"}, "999: the stores' own images"


def test_only_the_last_of_its_stages_is_shipped_and_no_registry_is_named() -> None:
    images = [line.split()[0] for line in said("FROM")]
    assert len(images) == 2 and not [image for image in images if "/" in image]


def test_its_version_is_the_charts() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    charts = [yaml.safe_load(path.read_text()) for path in ROOT.glob("helm/*/Chart.yaml")]
    assert {chart["appVersion"] for chart in charts} == {version} and len(charts) == 3
