"""The pace of moves, over anything that can be seen: never above its limit, never none for ever, and it comes back."""

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from control_plane.moves.pace import ALLOWED_FIRST, ALLOWED_LEAST, ALLOWED_MAX, DESERTED_LEAST, QUIET, REST_SAMPLES_MAX, Pace, Seen, judge
from control_plane.registry import VitalSigns

BUDGET = 2 * 2**30
WELL = VitalSigns(1, 1, 200, 100.0, 0, 3.0, 20.0, 0, 0)
SIGNS = st.builds(
    VitalSigns,
    processes=st.just(1),
    ready=st.just(1),
    requests=st.integers(0, 500),
    requests_per_s=st.just(1.0),
    errors=st.integers(0, 500),
    p50_ms=st.just(1.0),
    p99_ms=st.floats(0, 10_000),
    replication_lag_bytes=st.integers(0, 2**34),
    wal_retained_bytes=st.integers(0, 2**33),
)
SEEN = st.builds(Seen, cell=st.just("cell-1"), signs=st.none() | SIGNS, running=st.integers(0, 8), wal_budget_bytes=st.just(BUDGET))


def seen(p99_ms: float = 20.0, running: int = 1, **more: int) -> Seen:
    return Seen("cell-1", replace(WELL, p99_ms=p99_ms, **more), running, BUDGET)


def after(pace: Pace, intervals: Iterable[Seen], allowed_max: float = ALLOWED_MAX) -> Pace:
    for one in intervals:
        pace = judge(pace, one, allowed_max)
    return pace


KNOWN = after(Pace(), [seen(running=0)] * QUIET)


@given(st.lists(SEEN, max_size=60), st.sampled_from([1.0, 2.0, 4.0, 8.0]))
def test_it_is_never_above_its_limit_nor_none(history: list[Seen], allowed_max: float) -> None:
    pace = Pace(allowed=min(ALLOWED_FIRST, allowed_max))
    for one in history:
        pace = judge(pace, one, allowed_max)
        assert ALLOWED_LEAST <= pace.allowed <= allowed_max
        assert 0 < pace.speed(one.running) <= 1.0
        assert not pace.may_start(int(allowed_max))
        assert len(pace.quiet_ms) <= QUIET


@given(st.lists(SEEN, max_size=60), st.lists(SIGNS, min_size=REST_SAMPLES_MAX, max_size=REST_SAMPLES_MAX))
def test_where_nothing_runs_something_may_begin_within_a_minute(history: list[Seen], then: list[VitalSigns]) -> None:
    pace = after(after(Pace(), history), [Seen("cell-1", signs, 0, BUDGET) for signs in then])
    assert pace.may_start(0)


@given(st.lists(SEEN, max_size=60))
def test_when_all_is_well_again_it_goes_back_to_as_many_as_it_may(history: list[Seen]) -> None:
    pace = after(after(KNOWN, history), [seen(p99_ms=5.0, running=8)] * 40)
    assert (pace.allowed, pace.complaint) == (ALLOWED_MAX, None)


def test_a_p99_above_the_usual_halves_it_and_says_why() -> None:
    pace = after(replace(KNOWN, allowed=1.0), [seen(p99_ms=44)] * 3)
    assert pace.allowed == 0.5 and pace.complaint is not None and not pace.may_start(0)
    assert pace.complaint.why == "neighbours' p99 44 ms > 25 ms on cell-1"
    assert after(pace, [seen(p99_ms=44)] * 2).allowed == pace.allowed  # what is felt at the new pace is judged anew
    assert after(pace, [seen(p99_ms=44)] * 3).speed(1) == 0.25


def test_one_slow_interval_and_one_within_the_limit_are_no_complaint() -> None:
    assert after(KNOWN, [seen(), seen(), seen(p99_ms=900), seen()]).complaint is None
    assert after(KNOWN, [seen(p99_ms=50), seen(p99_ms=50), seen(running=0)]).complaint is None
    assert after(KNOWN, [seen(p99_ms=24.9)] * 10).complaint is None


def test_near_the_limit_it_goes_on_as_it_goes_and_well_below_it_faster() -> None:
    slow = replace(KNOWN, allowed=0.5)
    assert after(slow, [seen(p99_ms=24)] * 20).allowed == 0.5 < after(slow, [seen(p99_ms=22)] * 20).allowed


def test_what_is_far_above_the_usual_is_answered_before_a_third_interval() -> None:
    far = after(replace(KNOWN, allowed=1.0), [seen(p99_ms=900), seen(p99_ms=70)])
    assert far.allowed == 0.5 and far.complaint is not None and far.complaint.why == "neighbours' p99 70 ms > 25 ms on cell-1"


def test_where_people_are_it_begins_slowly_and_is_at_full_speed_within_a_minute() -> None:
    assert KNOWN.speed(1) == ALLOWED_FIRST < after(KNOWN, [seen()] * 10).speed(1) < after(KNOWN, [seen()] * 25).speed(1) == 1.0


def test_a_cell_that_nobody_uses_bears_all_that_is_allowed() -> None:
    deserted = after(Pace(), [seen(p99_ms=9000, requests=3)] * DESERTED_LEAST).within(ALLOWED_MAX)
    assert (deserted.allowed, deserted.may_start(int(ALLOWED_MAX) - 1), deserted.speed(4)) == (ALLOWED_MAX, True, 1.0)


def test_people_who_come_back_find_what_was_learnt_with_them_there() -> None:
    for learnt in (0.3, 1.0, 3.0):
        left = after(replace(KNOWN, allowed=learnt), [seen(running=4, requests=3)] * 20)
        assert (left.within(ALLOWED_MAX).allowed, left.allowed) == (ALLOWED_MAX, learnt)
        back = judge(left, seen(running=4)).within(ALLOWED_MAX)
        assert (back.allowed, back.speed(4), back.may_start(4)) == (learnt, learnt / 4, False)


def test_a_deserted_cell_whose_disk_fills_begins_nothing_more() -> None:
    full = seen(running=4, requests=0, wal_retained_bytes=BUDGET)
    assert not after(Pace(), [full] * 5).within(ALLOWED_MAX).may_start(0)


def test_lag_and_kept_wal_hold_new_moves_back_and_never_slow_a_copy() -> None:
    for worse in (seen(wal_retained_bytes=BUDGET // 2 + 1, running=4), seen(replication_lag_bytes=2**30, running=4)):
        pace = judge(replace(KNOWN, allowed=4.0), worse)
        assert (pace.allowed, pace.speed(4), pace.may_start(0)) == (2.0, 1.0, False)
    lagging = after(replace(KNOWN, allowed=4.0), [seen(replication_lag_bytes=2**30 - n, running=4) for n in range(8)])
    assert lagging.complaint is None  # it shrinks


def test_a_cell_that_got_busier_by_itself_is_not_held_back_for_ever() -> None:
    slowest = after(KNOWN, [seen(p99_ms=80)] * 15)
    assert slowest.allowed == ALLOWED_LEAST
    assert after(slowest, [seen(p99_ms=80)] * 40).complaint is None


def test_after_long_rest_a_cell_that_bore_much_begins_with_one_and_one_that_bore_little_with_that() -> None:
    for learnt in (0.3, 4.0):
        rested = after(replace(KNOWN, allowed=learnt, resting=0), [seen(running=0)] * REST_SAMPLES_MAX)
        assert rested.allowed == min(learnt, ALLOWED_FIRST)


def test_a_silent_cell_keeps_its_pace() -> None:
    assert judge(KNOWN, Seen("cell-1", None, 1, BUDGET)) == KNOWN
