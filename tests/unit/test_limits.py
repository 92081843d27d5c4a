"""Token buckets: bursts pass, rates hold, memory is bounded."""

from chassis.identity import WorkspaceId
from router.edge.limits import Buckets, Limits, Rate


class HandClock:
    def __init__(self) -> None:
        self.at_s = 100.0

    def now_us(self) -> int:
        return int(self.at_s * 1_000_000)

    def monotonic_s(self) -> float:
        return self.at_s


def test_burst_passes_then_the_rate_holds() -> None:
    clock = HandClock()
    buckets = Buckets(Rate(per_s=2, burst=3), clock)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a") == 0.5
    clock.at_s += 0.5
    assert buckets.take("a") == 0
    assert buckets.take("a") == 0.5


def test_keys_do_not_share() -> None:
    buckets = Buckets(Rate(per_s=1, burst=1), HandClock())
    assert buckets.take("a") == 0
    assert buckets.take("b") == 0
    assert buckets.take("a") > 0


def test_full_bucket_holds_no_more_than_the_burst() -> None:
    clock = HandClock()
    buckets = Buckets(Rate(per_s=10, burst=2), clock)
    buckets.take("a")
    clock.at_s += 3600
    assert [buckets.take("a") == 0 for _ in range(3)] == [True, True, False]


def test_zero_is_no_limit_and_no_memory() -> None:
    buckets = Buckets(Rate(per_s=0, burst=1), HandClock())
    assert all(buckets.take("a") == 0 for _ in range(1000))
    assert len(buckets) == 0


def test_memory_is_bounded_and_the_active_stay_limited() -> None:
    buckets = Buckets(Rate(per_s=0.001, burst=1), HandClock(), keys_max=10)
    buckets.take("busy")
    for n in range(1000):
        buckets.take(f"k{n}")
        assert buckets.take("busy") > 0
    assert len(buckets) == 10


def limits(clock: HandClock) -> Limits:
    return Limits(clock, address=Rate(1, 1), loopback=Rate(0, 1), workspace=Rate(0.25, 1))


def test_retry_after_is_whole_seconds() -> None:
    clock = HandClock()
    by = limits(clock)
    assert by.of_workspace(WorkspaceId("T1")) == 0
    assert by.of_workspace(WorkspaceId("T1")) == 4
    assert by.of_address("192.0.2.1") == 0
    clock.at_s += 0.9
    assert by.of_address("192.0.2.1") == 1


def test_loopback_has_its_own_rate() -> None:
    by = limits(HandClock())
    assert not any(by.of_address(address) for address in ("127.0.0.1", "::1", "127.0.0.2") for _ in range(50))


def test_one_ipv6_network_is_one_caller() -> None:
    by = limits(HandClock())
    assert by.of_address("2001:db8:1:2::1") == 0
    assert by.of_address("2001:db8:1:2:ffff::9") > 0
    assert by.of_address("2001:db8:1:3::1") == 0
    assert by.of_address("not:an:address") == 0
