"""The chaos test's judge must see each way in which a promise may be broken."""

from dataclasses import replace

import pytest

from tests.chaos.ledger import Posted, Received, SocketBook, check_posts, check_socket, expected_of

STORED = {"C1": [("1.000001", "a 1"), ("1.000003", "a 2")], "C2": [("1.000002", "b 1")], "C3": [("1.000009", "c 1")]}
POSTED = [Posted("a", 1, "C1", "a 1", "1.000001"), Posted("b", 1, "C2", "b 1", "1.000002"), Posted("a", 2, "C1", "a 2", "1.000003")]
GOT = [Received(4, "C1", "1.000001", "a 1"), Received(6, "C2", "1.000002", "b 1"), Received(7, "C1", "1.000003", "a 2")]


def verdict(received: list[Received]) -> str:
    book = SocketBook("socket", "w", frozenset({"C1", "C2"}), received)
    return "; ".join(check_socket(book, expected_of(book, STORED)))


def test_what_is_well_is_found_well() -> None:
    assert check_posts(POSTED, STORED) == []
    assert verdict(GOT) == ""


@pytest.mark.parametrize(
    ("received", "said"),
    [
        (GOT[:2], "missed"),
        ([*GOT, replace(GOT[2], seq=8)], "twice"),
        ([GOT[1], GOT[0], GOT[2]], "seq does not rise"),
        ([GOT[0], replace(GOT[2], seq=5), replace(GOT[1], seq=9)], "out of order"),
        ([*GOT, Received(9, "C3", "1.000009", "c 1")], "not its"),
    ],
)
def test_a_socket_that_got_anything_else_is_found(received: list[Received], said: str) -> None:
    assert said in verdict(received)


def test_a_lost_a_doubled_and_a_late_post_are_found() -> None:
    (lost,) = check_posts(POSTED, {**STORED, "C2": []})
    assert "b 1 at 1.000002" in lost
    doubled = check_posts(POSTED, {**STORED, "C1": [*STORED["C1"], ("1.000007", "a 2")]})
    assert "a 2 x 2" in doubled[0]
    falling = check_posts(POSTED, {**STORED, "C1": [*STORED["C1"], ("1.000002", "z")]})
    assert "do not rise" in falling[0]
    swapped = [replace(POSTED[2], number=1), replace(POSTED[0], number=2)]
    assert "out of order" in check_posts(swapped, STORED)[0]
