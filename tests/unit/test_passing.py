import json
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from router.edge.passing import Passing

PRESENCES = st.lists(st.tuples(st.sampled_from(["U1", "U2", "U3"]), st.sampled_from(["active", "away"])), max_size=40)


def presence(user: str, presence: str) -> str:
    return json.dumps({"type": "presence_change", "user": user, "presence": presence})


def all_of(passing: Passing) -> Iterable[str]:
    while passing:
        yield passing.take()


@given(PRESENCES)
def test_the_last_word_on_each_is_kept_and_no_other(changes: list[tuple[str, str]]) -> None:
    passing = Passing()
    dropped = sum(passing.put(presence(*change)) for change in changes)
    kept = [(said["user"], said["presence"]) for said in map(json.loads, all_of(passing))]
    assert dict(kept) == dict(changes)
    assert len(kept) == len(set(dict(kept))) == len(changes) - dropped


def test_typing_in_another_channel_is_another_subject() -> None:
    passing = Passing()
    for channel in ("C1", "C2", "C1"):
        passing.put(json.dumps({"type": "user_typing", "channel": channel, "user": "U1"}))
    assert [json.loads(text)["channel"] for text in all_of(passing)] == ["C2", "C1"]


def test_the_oldest_gives_way() -> None:
    passing = Passing(waiting_max=2)
    assert [passing.put(text) for text in ("not json", "[1]", "{}", "{}")] == [0, 0, 1, 1]
    assert list(all_of(passing)) == ["[1]", "{}"]
