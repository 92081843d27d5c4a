"""A heartbeat's figures of requests, against figures that are known."""

import pytest

from cells.runtime.ingress import Tally


def test_percentiles_are_within_five_percent_and_every_heartbeat_begins_anew() -> None:
    tally = Tally()
    for ms in range(1, 1001):
        tally.note(ms / 1000, failed=ms > 990)
    tally.count(failed=True)
    told = tally.take()
    assert (told.requests, told.errors) == (1001, 11)
    assert told.p50_ms == pytest.approx(500, rel=0.05) and told.p99_ms == pytest.approx(990, rel=0.05)
    empty = tally.take()
    assert (empty.requests, empty.errors, empty.p50_ms, empty.p99_ms) == (0, 0, 0.0, 0.0)


def test_what_takes_no_time_or_for_ever_has_a_bucket() -> None:
    tally = Tally()
    tally.note(0.0, failed=False)
    tally.note(3600.0, failed=False)
    assert tally.take().p99_ms > 30_000
