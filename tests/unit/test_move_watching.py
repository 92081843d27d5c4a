"""A move as scripts see it: an object a line, when something has changed and every second."""

import json

import pytest

from control_plane.cli.watching import facts_line, lines
from protos.admin.v1 import admin_pb2


def a_move(rows: int, duration_s: float) -> admin_pb2.Move:
    move = admin_pb2.Move(move_id="mv_0", workspace="acme", target="cell-2", state="running", step="copy", rows_planned=1000)
    move.rows, move.duration_s, move.progress, move.eta_s = rows, duration_s, 0.5, 2.0
    return move


def test_a_line_says_what_has_changed_and_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    with lines() as shown:
        for rows, duration_s in ((0, 0.1), (0, 0.2), (500, 0.3), (500, 0.9), (500, 1.4)):
            shown(a_move(rows, duration_s))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["rows"], line["duration_s"]) for line in told] == [(0, 0.1), (500, 0.3), (500, 1.4)]
    assert told[0] | {"progress": 0.5, "eta_s": 2.0, "rows_planned": 1000, "step": "copy"} == told[0]


def test_people_see_rows_rate_lag_and_what_is_left() -> None:
    move = a_move(500, 1.0)
    move.rows_per_s, move.lag_ms, move.waiting = 250.0, 3.0, "neighbours' p99 34 ms > 25 ms on cell-1"
    assert facts_line(move) == "500 of 1,000 rows, 250 rows/s, lag 3 ms, about 2 s left; neighbours' p99 34 ms > 25 ms on cell-1"
