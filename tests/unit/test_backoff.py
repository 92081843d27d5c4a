from hypothesis import given
from hypothesis import strategies as st

from chassis.backoff import Backoff


@given(st.integers(min_value=0, max_value=10_000))
def test_a_wait_is_between_half_and_all_of_its_step(attempt: int) -> None:
    backoff = Backoff(first_s=0.1, factor=2.0, limit_s=3.0)
    step_s = min(3.0, 0.1 * 2.0 ** min(attempt, 10))
    assert step_s / 2 <= backoff.delay_s(attempt) <= step_s


def test_two_callers_do_not_come_back_together() -> None:
    assert len({Backoff().delay_s(3) for _ in range(100)}) > 90
