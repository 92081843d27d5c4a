from chassis.breaker import Breaker, BreakerState
from tests.harness.clock import ManualClock


def an_open_breaker(clock: ManualClock) -> Breaker:
    breaker = Breaker(clock, failures_max=3, open_s=2.0)
    for _ in range(3):
        assert breaker.allow()
        breaker.on_failure()
    return breaker


def test_opens_after_failures_in_a_row_and_only_then() -> None:
    breaker = Breaker(ManualClock(), failures_max=2, open_s=1.0)
    breaker.on_failure()
    breaker.on_success()
    breaker.on_failure()
    assert breaker.allow() and breaker.state.value == "closed"
    breaker.on_failure()
    assert not breaker.allow() and breaker.state.value == "open"


def test_lets_one_call_try_after_its_time() -> None:
    clock = ManualClock()
    breaker = an_open_breaker(clock)
    clock.advance(1.5)
    assert not breaker.allow() and breaker.retry_after_s == 0.5
    clock.advance(0.5)
    assert breaker.allow() and breaker.state is BreakerState.HALF_OPEN
    assert not breaker.allow()


def test_a_trial_that_works_closes_it() -> None:
    clock = ManualClock()
    breaker = an_open_breaker(clock)
    clock.advance(2.0)
    assert breaker.allow()
    breaker.on_success()
    assert breaker.state is BreakerState.CLOSED and breaker.allow() and breaker.allow() and breaker.retry_after_s == 0
    breaker.on_failure()
    assert breaker.allow()  # the count began anew


def test_a_trial_that_fails_opens_it_again_for_the_whole_time() -> None:
    clock = ManualClock()
    breaker = an_open_breaker(clock)
    clock.advance(2.0)
    assert breaker.allow()
    clock.advance(0.5)
    breaker.on_failure()
    assert breaker.state is BreakerState.OPEN and breaker.retry_after_s == 2.0


def test_a_trial_that_never_reports_does_not_hold_it_for_ever() -> None:
    clock = ManualClock()
    breaker = an_open_breaker(clock)
    clock.advance(2.0)
    assert breaker.allow() and not breaker.allow()
    clock.advance(2.0)
    assert breaker.allow()


def test_late_answers_of_calls_from_before_change_nothing() -> None:
    clock = ManualClock()
    breaker = an_open_breaker(clock)
    breaker.on_success()
    assert breaker.state is BreakerState.OPEN
    clock.advance(1.0)
    breaker.on_failure()
    assert breaker.retry_after_s == 1.0
