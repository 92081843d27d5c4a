import time

from chassis.clock import Clock, SystemClock
from tests.harness.clock import ManualClock


def test_the_system_clock_counts_microseconds_since_1970() -> None:
    before_us = int(time.time() * 1_000_000)
    assert before_us - 1_000 <= SystemClock().now_us() <= before_us + 10_000_000


def test_monotonic_seconds_never_go_back() -> None:
    clock = SystemClock()
    readings = [clock.monotonic_s() for _ in range(1_000)]
    assert readings == sorted(readings)


def test_a_test_moves_its_clock() -> None:
    manual = ManualClock(now_us=5)
    clock: Clock = manual
    start_s = clock.monotonic_s()
    manual.advance(1.5)
    assert clock.now_us() == 1_500_005
    assert clock.monotonic_s() - start_s == 1.5
