"""Every edge of every step of a move, every process, kill -9: the move is done or undone by itself, and nothing is lost or left.

Run by `make chaos-moves`. WAGGLE_MATRIX_SEED (1) orders the cases, WAGGLE_MATRIX_CASES (all) and WAGGLE_MATRIX_SECONDS (7200) end the run
early, WAGGLE_MATRIX_GO_ON=1 keeps what the last run of that seed found and goes on after it.
"""

import os
import sys
import time
from pathlib import Path

import pytest

from control_plane.provision.processes import free_port
from tests.chaos.move_matrix import a_matrix
from tests.chaos.move_outcome import Row, Table
from tests.chaos.move_points import cases

SEED = int(os.environ.get("WAGGLE_MATRIX_SEED", "1"))
CASES_MAX = int(os.environ.get("WAGGLE_MATRIX_CASES", "1000"))
SECONDS = float(os.environ.get("WAGGLE_MATRIX_SECONDS", "7200"))
GO_ON = os.environ.get("WAGGLE_MATRIX_GO_ON") == "1"
WORKSPACE_FOR_CASES = 12
"""So long that one is moved to and fro many times, so short that its history stays small."""

pytestmark = [pytest.mark.chaos, pytest.mark.anyio, pytest.mark.lasts(SECONDS + 300)]


async def test_a_move_struck_anywhere_ends_by_itself_and_nothing_is_lost(tmp_path: Path) -> None:
    table, until_s = Table.kept(SEED) if GO_ON else Table(SEED), time.monotonic() + SECONDS
    wanted = [case for case in cases(SEED) if not table.has(case.point.name, case.process)][:CASES_MAX]
    async with a_matrix(tmp_path, free_port()) as matrix:
        for number, case in enumerate(wanted):
            if time.monotonic() > until_s:
                break
            if number % WORKSPACE_FOR_CASES == 0:
                matrix.subject = None
            table.rows.append(await matrix.run(case))
            table.keep()
            tell(number, len(wanted), table.rows[-1])
    assert [row for row in table.rows if row.wrong] == []


def tell(number: int, of: int, row: Row) -> None:
    """Past the capture: somebody waits for half an hour."""
    line = f"{number + 1:4} of {of}  {row.point:20} {row.process:18} {row.ended:12} rest {row.rest_s:5.1f} s  post {row.pause_s:5.1f} s"
    sys.__stderr__.write(f"{line}  {'; '.join(row.wrong)}\n")  # type: ignore[union-attr]
