"""From facts to presence, with a clock that the test moves."""

import json
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells.chat.domain.presence.errors import InvalidHours
from cells.chat.domain.presence.events import presence_list
from cells.chat.domain.presence.hours import Hours, checked_hours
from cells.chat.domain.presence.presence import AUTO_AWAY_S, FRESH_S, Availability, Share, Standing, presence_of
from cells.chat.domain.presence.sharing import shares_in
from cells.chat.domain.users.profile import changed, profile_at
from tests.harness.clock import ManualClock

S = 1_000_000
SHARES = st.builds(Share, st.integers(0, 3), st.integers(0, 2000 * S), st.integers(0, 2000 * S), st.booleans())


def test_a_day_at_the_desk() -> None:
    """Connected, idle, back, away by hand, gone: each step from the one before by time or one fact."""
    clock = ManualClock()
    here, standing = Share(1, clock.now_us(), clock.now_us()), Standing()

    def now() -> str:
        """Its process beats, so the share is fresh."""
        return presence_of([replace(here, written_us=clock.now_us())], standing, clock.now_us()).availability.value

    assert now() == "active"
    clock.advance(AUTO_AWAY_S - 1)
    assert now() == "active"
    clock.advance(1)
    assert now() == "away"
    here = replace(here, active_us=clock.now_us())
    assert now() == "active"
    standing = replace(standing, manual_away=True)
    assert now() == "away"
    here = replace(here, sessions=0)
    assert now() == "offline"
    standing = Standing()
    assert now() == "offline"


def test_a_process_that_is_silent_speaks_for_no_session_but_its_news_of_activity_holds() -> None:
    clock = ManualClock()
    dead = Share(2, clock.now_us(), clock.now_us())
    clock.advance(FRESH_S + 1)
    assert presence_of([dead], Standing(), clock.now_us()).availability is Availability.OFFLINE
    reopened = Share(2, 0, clock.now_us())
    assert presence_of([dead, reopened], Standing(), clock.now_us()).availability is Availability.ACTIVE


def test_a_bot_is_active_as_long_as_it_is_connected() -> None:
    clock = ManualClock()
    clock.advance(AUTO_AWAY_S * 10)
    bot = Share(1, 0, clock.now_us(), automatic=True)
    assert presence_of([bot], Standing(), clock.now_us()).shown == "active"


@pytest.mark.parametrize(("after_s", "quiet"), [(0, True), (59, True), (60, False)])
def test_a_snooze_ends_by_itself(after_s: int, quiet: bool) -> None:
    clock = ManualClock()
    standing = Standing(snooze_until_us=clock.now_us() + 60 * S)
    clock.advance(after_s)
    assert presence_of([], standing, clock.now_us()).do_not_disturb is quiet


@pytest.mark.parametrize(
    ("now", "starts", "ends"),
    [
        ("2026-01-10 21:59", "2026-01-10 22:00", "2026-01-11 08:00"),
        ("2026-01-10 22:00", "2026-01-10 22:00", "2026-01-11 08:00"),
        ("2026-01-11 07:59", "2026-01-10 22:00", "2026-01-11 08:00"),
        ("2026-01-11 08:00", "2026-01-11 22:00", "2026-01-12 08:00"),
        ("2026-03-29 01:00", "2026-03-28 22:00", "2026-03-29 08:00"),  # an hour is left out in this night
        ("2026-10-25 02:30", "2026-10-24 22:00", "2026-10-25 08:00"),  # and comes twice in this one
    ],
)
def test_hours_of_every_day_are_on_the_users_clock(now: str, starts: str, ends: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    now_s, starts_s, ends_s = [int(datetime.fromisoformat(at).replace(tzinfo=zone).timestamp()) for at in (now, starts, ends)]
    hours = Hours(22 * 60, 8 * 60, "Europe/Berlin")
    assert hours.next(now_s * S) == (starts_s, ends_s)
    standing = Standing(hours=hours)
    assert presence_of([], standing, now_s * S).do_not_disturb is (starts_s <= now_s)
    ended = replace(standing, ended_us=now_s * S + 1)
    assert not ended.is_undisturbed(now_s * S + 1), "ended by hand"
    assert ended.is_undisturbed((now_s + 86_400) * S) is (starts_s <= now_s), "the next day's come as they would"


@pytest.mark.parametrize(
    ("start", "end"), [("8", "9:00"), ("24:00", "8:00"), ("8:60", "9:00"), ("8:00", "08:00"), ("", ""), ("-1:00", "٨:00")]
)
def test_hours_are_two_different_times_of_the_day(start: str, end: str) -> None:
    with pytest.raises(InvalidHours):
        checked_hours(start, end)


@given(shares=st.lists(SHARES, max_size=4), away=st.booleans(), now_us=st.integers(0, 2000 * S))
def test_only_who_is_connected_active_and_not_away_is_shown_active(shares: list[Share], away: bool, now_us: int) -> None:
    found = presence_of(shares, Standing(manual_away=away), now_us)
    assert (found.shown == "active") == (found.connections > 0 and not away and not found.auto_away)
    assert found == presence_of(reversed(shares), Standing(manual_away=away), now_us), "whatever the order of processes"


def test_what_redis_holds_may_be_garbage() -> None:
    good = {b"p1": b"1 2 3 0", b"p2": b"", b"p3": b"1 2 3", b"p4": b"x y z 0", b"p5": b"-1 2 3 0"}
    assert shares_in(good) == {"p1": Share(1, 2, 3)}
    assert shares_in(None) == shares_in(b"?") == {}


def test_several_users_are_told_in_one_frame() -> None:
    shown = {"U1": "active", "U2": "away", "U3": "active"}
    assert presence_list(shown) == [
        '{"type":"presence_change","presence":"active","users":["U1","U3"]}',
        '{"type":"presence_change","presence":"away","user":"U2"}',
    ]


def test_a_status_ends_when_it_says_and_a_new_one_not_with_the_one_before() -> None:
    clock = ManualClock()
    ends_s = clock.now_us() // S + 60
    profile = changed({}, {"status_text": "lunch", "status_expiration": ends_s})
    assert profile["status_emoji"] == ":speech_balloon:"
    stored = json.dumps({"title": "Pilot", "status_text": "lunch", "status_expiration": ends_s})
    assert profile_at(stored, clock.now_us())["status_text"] == "lunch"
    clock.advance(60)
    assert profile_at(stored, clock.now_us()) == {"title": "Pilot", "status_text": "", "status_emoji": "", "status_expiration": 0}
    assert changed(profile, {"status_text": "back"})["status_expiration"] == 0
