"""What the documentation lists is what there is: nothing missing, nothing that is gone."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLANES = ("chassis", "cells", "router", "control_plane")
KINDS = {"Counter", "Gauge", "Histogram", "Summary"}


def rows(page: str) -> list[list[str]]:
    """The cells of every table row of a page, without backquotes."""
    lines = (ROOT / "docs" / page).read_text().splitlines()
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]


def metrics() -> Iterator[tuple[str, str]]:
    """(name as scraped, type) of every metric that the code declares."""
    for path in (path for plane in PLANES for path in (ROOT / plane).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            # A metric has its name and its help; collections.Counter has not.
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS and len(node.args) > 1:
                name = ast.literal_eval(node.args[0])
                yield (f"{name.removesuffix('_total')}_total" if node.func.id == "Counter" else name), node.func.id.lower()


def test_every_metric_is_documented() -> None:
    documented = [(row[0], row[1]) for row in rows("observability.md") if row[0].startswith("waggle_")]
    assert sorted(documented) == sorted(metrics())


def test_metrics_speak_of_no_single_workspace_or_person() -> None:
    labels = {label.strip(" `") for row in rows("observability.md") if row[0].startswith("waggle_") for label in row[2].split(",")}
    assert not labels & {"workspace", "workspace_id", "user", "user_id", "channel", "request_id", "address"}


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = [match[0] for requirement in wanted if (match := re.match(r"[A-Za-z0-9_.-]+", requirement))]
    listed = [row[0] for row in rows("dependencies.md") if row[0] != "package"]
    assert sorted(listed) == sorted(names)
