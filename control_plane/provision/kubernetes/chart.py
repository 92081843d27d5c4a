"""The chart, rendered by the `helm` program: the one description of a cell."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from control_plane.provision.kubernetes.errors import ChartRefused, NoHelm, line_of
from control_plane.provision.kubernetes.manifests import Manifest, parse

RENDER_S_MAX = 60.0
RENDERED_BYTES_MAX = 8 * 1024 * 1024
VALUES_BYTES_MAX = 512 * 1024
HELM_FIRST = 3
"""The major version whose charts these are; helm 4 reads them as well."""

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chart:
    folder: Path
    helm: str = "helm"

    def render(self, cell: str, namespace: str, values: Values) -> tuple[Manifest, ...]:
        """Raises NoHelm, and ChartRefused with helm's own words: bad values are told by the chart's schema."""
        return parse(self.text(cell, namespace, values), cell, namespace)

    def text(self, cell: str, namespace: str, values: Values) -> str:
        """As `helm template` writes it."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(values, file)
            file.flush()
            return self._run(["template", cell, str(self.folder), "--namespace", namespace, "--values", file.name])

    def version(self) -> str:
        """As Chart.yaml has it, `name-version`."""
        try:
            facts = yaml.safe_load((self.folder / "Chart.yaml").read_text())
            return f"{facts['name']}-{facts['version']}"
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise ChartRefused(f"{self.folder} is not a chart: {line_of(error)}") from error

    def defaults(self) -> Values:
        """Where nobody says otherwise."""
        return read_values([self.folder / "values.yaml"])

    def require_helm(self) -> None:
        """Raises NoHelm."""
        if shutil.which(self.helm) is None:
            raise self._no_helm()

    def _run(self, arguments: Sequence[str]) -> str:
        try:
            done = subprocess.run([self.helm, *arguments], capture_output=True, text=True, timeout=RENDER_S_MAX, check=False)  # noqa: S603
        except FileNotFoundError:
            raise self._no_helm() from None
        except PermissionError:
            raise NoHelm(f"the program {self.helm!r} may not be run by this user") from None
        except subprocess.TimeoutExpired:
            raise ChartRefused(f"helm did not render {self.folder} within {RENDER_S_MAX:.0f} s") from None
        if done.returncode:
            raise ChartRefused(f"helm refuses {self.folder}: {_said(done.stderr)}")
        if len(done.stdout) > RENDERED_BYTES_MAX:
            raise ChartRefused(f"{self.folder} renders {len(done.stdout)} bytes; at most {RENDERED_BYTES_MAX} are allowed")
        return done.stdout

    def _no_helm(self) -> NoHelm:
        return NoHelm(f"the program {self.helm!r} is not on this machine; install helm {HELM_FIRST}, or name it with --helm")


def _said(stderr: str) -> str:
    return line_of(stderr.replace("Error: ", "", 1))


def read_values(paths: Sequence[Path]) -> Values:
    """The files laid over one another, later ones above, as helm does it. Raises ChartRefused."""
    merged: Values = {}
    for path in paths:
        merged = overlaid(merged, _file(path))
    return merged


def _file(path: Path) -> Values:
    try:
        with path.open("rb") as file:
            read = yaml.safe_load(file.read(VALUES_BYTES_MAX))
    except (OSError, yaml.YAMLError) as error:
        raise ChartRefused(f"the values in {path} cannot be read: {line_of(error)}") from error
    if read is not None and not isinstance(read, dict):
        raise ChartRefused(f"the values in {path} are not a mapping")
    return read or {}


def overlaid(below: Values, above: Values) -> Values:
    """Mappings are merged, anything else is replaced."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = overlaid(under, value) if isinstance(value, dict) and isinstance(under, dict) else value
    return merged
