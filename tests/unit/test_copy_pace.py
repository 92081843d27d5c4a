"""A copy rests in proportion to what it did."""

from types import SimpleNamespace

import pytest

from cells.runtime.transfer.moving import pacing
from cells.runtime.transfer.moving.pacing import REST_S_MAX, SLICE_S, SPEED_LEAST, Pace

pytestmark = pytest.mark.anyio


async def test_work_is_the_share_of_time_that_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, worked_s, rested_s = 0.0, 0.0, 0.0

    async def rest(length_s: float) -> None:
        nonlocal now_s, rested_s
        now_s, rested_s = now_s + length_s, rested_s + length_s

    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: now_s))
    monkeypatch.setattr(pacing, "asyncio", SimpleNamespace(sleep=rest))
    pace = Pace(1.0, 0.0)
    for speed in (1.0, 0.25):
        pace.set(speed)
        worked_s = rested_s = 0.0
        for _ in range(1000):
            now_s, worked_s = now_s + 0.003, worked_s + 0.003
            await pace.breathe()
        assert worked_s / (worked_s + rested_s) == pytest.approx(speed, rel=0.02)


async def test_no_rest_is_so_long_that_a_faster_pace_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []

    async def rest(length_s: float) -> None:
        rests.append(length_s)

    monkeypatch.setattr(pacing, "asyncio", SimpleNamespace(sleep=rest))
    now_s = 0.0
    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: now_s))
    pace = Pace(1.0, 0.0)
    pace.set(0.0001)
    now_s = SLICE_S / 2
    await pace.breathe()
    now_s = 60.0
    await pace.breathe()
    assert pace.speed == SPEED_LEAST and rests == [REST_S_MAX]


def test_an_older_control_plane_says_nothing_of_speed() -> None:
    pace = Pace(0.5)
    pace.set(0.0)
    assert pace.speed == 1.0
