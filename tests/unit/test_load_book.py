"""What a cell tells of its workspaces' load: news alone, everything in the end, in pages, and again when nobody heard it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cells.app.load_book import AGAIN_S, PAGE_MAX, LoadBook, Standing
from chassis.identity import WorkspaceId
from protos.directory.v1 import directory_pb2

Standings = dict[WorkspaceId, Standing]
ACME, DOCS = WorkspaceId("TACME"), WorkspaceId("TDOCS")


def told(book: LoadBook, standings: Standings, now_s: float) -> dict[str, directory_pb2.WorkspaceLoad]:
    page = book.news(standings, now_s, 30)
    book.heard(page, now_s)
    return {load.workspace_id: load for load in page}


def test_only_what_changed_is_told() -> None:
    book = LoadBook()
    first = told(book, {ACME: Standing(7, 2), DOCS: Standing(0, 0)}, 0)
    assert (first[ACME].seq, first[ACME].connections) == (7, 2)
    assert first[DOCS].HasField("seq") and not first[DOCS].HasField("connections")
    assert told(book, {ACME: Standing(7, 2), DOCS: Standing(0, 0)}, 30) == {}
    assert told(book, {ACME: Standing(20, 2), DOCS: Standing(0, 0)}, 60) == {}, "a little growth waits"
    assert told(book, {ACME: Standing(20, 2), DOCS: Standing(0, 0)}, 301)[ACME].seq == 20
    assert told(book, {ACME: Standing(120, 2), DOCS: Standing(0, 0)}, 330)[ACME].seq == 120, "much growth does not"


def test_connections_that_change_little_are_no_news_and_the_last_one_always_is() -> None:
    book = LoadBook()
    told(book, {ACME: Standing(None, 100)}, 0)
    assert told(book, {ACME: Standing(None, 95)}, 30) == {}
    assert told(book, {ACME: Standing(None, 80)}, 60)[ACME].connections == 80
    assert told(book, {ACME: Standing(None, 80)}, 61 + AGAIN_S)[ACME].connections == 80, "the control plane may have forgotten"
    gone = told(book, {}, 62 + AGAIN_S)[ACME]
    assert gone.HasField("connections") and gone.connections == 0
    book.forget_others({})
    assert told(book, {}, 63 + AGAIN_S) == {}


def test_what_nobody_heard_is_told_again() -> None:
    book = LoadBook()
    assert len(book.news({ACME: Standing(7, 2)}, 0, 30)) == 1
    assert len(book.news({ACME: Standing(7, 2)}, 30, 30)) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=30), st.integers(0, 3))
def test_in_the_end_the_control_plane_knows_every_log(growths: list[int], lost_each: int) -> None:
    """Whatever is lost on the way, and however little grows: once it rests, each position told is the true one."""
    book, heard, seq = LoadBook(), 0, 0
    for number, growth in enumerate([*growths, 0, 0, 0, 0]):
        seq += growth
        page = book.news({ACME: Standing(seq, 0)}, number * 300.0, 30)
        if lost_each and number < len(growths) and number % lost_each == 0:
            continue
        book.heard(page, number * 300.0)
        heard = page[0].seq if page else heard
    assert heard == seq


def test_pages_are_bounded_and_all_are_told() -> None:
    book, standings = LoadBook(), {WorkspaceId(f"T{number:05}"): Standing(number, 1) for number in range(2 * PAGE_MAX + 5)}
    rounds = [told(book, standings, 0) for _ in range(4)]
    assert [len(page) for page in rounds] == [PAGE_MAX, PAGE_MAX, 5, 0]


def test_who_grew_most_is_sized_first_and_others_are_guessed_from_it() -> None:
    book, standings = LoadBook(), {ACME: Standing(5_000, 0), DOCS: Standing(1_000, 0)}
    assert book.to_size(standings) == ACME
    book.size(ACME, 5_000, 5_000_000)
    assert told(book, standings, 0)[DOCS].bytes == 1_000_000
    assert book.to_size(standings) == DOCS
    book.size(DOCS, 1_000, 80_000)
    assert told(book, standings, 1)[DOCS].bytes == 80_000, "the guess was far from it"
    assert book.to_size({ACME: Standing(5_100, 0), DOCS: Standing(1_050, 0)}) is None, "neither grew by enough"
    assert told(book, {ACME: Standing(10_000, 0), DOCS: Standing(1_000, 0)}, 30)[ACME].bytes == 10_000_000
    assert told(book, {ACME: Standing(10_050, 0), DOCS: Standing(1_000, 0)}, 60) == {}, "and is not told again"
