"""The charts of helm/, rendered by the real `helm`. Tests that ask for it are skipped where it is not on the machine."""

import functools
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.harness.kubernetes import tool

HELM = Path(__file__).parents[2] / "helm"
CHARTS = ("cell", "router", "control-plane")
SETS = ("small", "production", "external")
"""Folders of helm/values: what people begin with, and what the golden files are of."""
NAMESPACES = {"cell": "waggle-cell-1", "router": "waggle", "control-plane": "waggle"}
RELEASES = {"cell": "cell-1", "router": "router", "control-plane": "control-plane"}
RUN_S_MAX = 60.0

Object = dict[str, Any]


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([tool("helm"), *map(str, arguments)], capture_output=True, text=True, timeout=RUN_S_MAX, check=False)


@functools.cache
def rendered(chart: str, values: str, *more: str) -> str:
    """The text of a chart with a set of values; `more` are further arguments of `helm template`."""
    place = ("--namespace", NAMESPACES[chart], "--values", HELM / "values" / values / f"{chart}.yaml")
    done = run("template", RELEASES[chart], HELM / chart, *place, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(chart: str, values: str, *more: str) -> list[Object]:
    return [document for document in yaml.safe_load_all(rendered(chart, values, *more)) if document]


def pods(found: list[Object]) -> list[tuple[str, Object, Object]]:
    """(name, pod's labels, pod's spec) of everything that makes pods."""
    templates = [(one["metadata"]["name"], one["spec"]["template"]) for one in found if "template" in (one.get("spec") or {})]
    return [(name, template["metadata"]["labels"], template["spec"]) for name, template in templates]
