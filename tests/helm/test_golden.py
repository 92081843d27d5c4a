"""What the charts render, line by line. `make golden` writes the files anew; the difference is read in the change that makes it."""

import difflib
import os
from pathlib import Path

import pytest

from tests.harness.charts import CHARTS, HELM, SETS, rendered, run

GOLDEN = Path(__file__).parent / "golden"
WRITE_VARIABLE = "WAGGLE_TEST_WRITE_GOLDEN"
LINES_SHOWN = 40


@pytest.mark.parametrize("chart", CHARTS)
def test_helm_finds_no_fault(chart: str) -> None:
    done = run("lint", "--strict", HELM / chart)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("values", SETS)
@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_renders_what_it_did(chart: str, values: str) -> None:
    path, now = GOLDEN / values / f"{chart}.yaml", rendered(chart, values)
    if os.environ.get(WRITE_VARIABLE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(now)
    changes = difflib.unified_diff(path.read_text().splitlines(), now.splitlines(), "golden", "rendered", lineterm="", n=1)
    shown = list(changes)[:LINES_SHOWN]
    assert not shown, "`make golden` writes it anew:\n" + "\n".join(shown)
