"""Ten at will, ten more one at a time, then none until the window has passed; waiting always helps."""

from cells.chat.domain.abuse.floods import WATCHED_MAX, Bound, Floods

BOUND = Bound(window_s=600, free=10, slowed=20, pause_s=15)
KEY = ("T1", "U1", "text")


def passes(floods: Floods, now_s: float, count: int = 1) -> bool:
    verdict = floods.judge(KEY, BOUND, count, now_s)
    if not verdict.refused and not verdict.wait_s:
        floods.count(KEY, count, now_s)
        return True
    return False


def test_free_slowed_refused() -> None:
    floods = Floods()
    assert all(passes(floods, 0) for _ in range(10))
    assert floods.judge(KEY, BOUND, 1, 0) == (15, False)
    for number in range(10):
        assert not passes(floods, 15 * number + 14.9)
        assert passes(floods, 15 * number + 15)
    assert floods.judge(KEY, BOUND, 1, 200) == (400, True)
    assert not passes(floods, 599.9) and passes(floods, 600)


def test_what_is_slowed_is_not_counted() -> None:
    floods = Floods()
    for _ in range(1_000):
        passes(floods, 0)
    assert passes(floods, 15)


def test_many_at_once() -> None:
    floods = Floods()
    assert passes(floods, 0, 10) and not passes(floods, 1, 10)
    assert passes(floods, 15, 10) and not passes(floods, 100, 1)


def test_memory_is_bounded() -> None:
    floods = Floods()
    for number in range(WATCHED_MAX + 10):
        floods.count((str(number),), 1, 0)
    assert len(floods._watched) == WATCHED_MAX
