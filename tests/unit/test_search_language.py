"""The query language: anything may be typed, what is no modifier is text, and what a text holds can be asked for."""

import datetime
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells.chat.search.dates import DAY_US, days_of, start_us
from cells.chat.search.engines import widened
from cells.chat.search.highlighting import BEGIN, END, highlighted
from cells.chat.search.parsing import PARTS_MAX, parse
from cells.chat.search.query import Asked, Match, Needle, Sought
from cells.chat.search.tsquery import query_of
from cells.chat.search.words import normal, terms

TODAY = datetime.date(2026, 11, 21)  # a Saturday
UNSPACED = st.text(st.sampled_from("東京都庁へ行くカタカナ한국어ไทย"), min_size=1, max_size=12)
MODIFIERS = ("from", "in", "with", "before", "after", "on", "during", "has", "is")
TYPED = st.lists(
    st.one_of(
        st.text(max_size=20),
        UNSPACED,
        st.sampled_from(['"', "-", "*", ":", "<@U012345678>", "has::tada:", "from:@me", "in:#eng", '"two words"', "on:2025-02-30", "“x”"]),
        st.builds(lambda name, value: f"-{name}:{value}", st.sampled_from(MODIFIERS), st.text(max_size=8)),
        st.builds(lambda name, value: f"{name}:{value}", st.sampled_from(MODIFIERS), st.text(max_size=8)),
    ),
    max_size=12,
).map(" ".join)


def sought(query: str) -> list[tuple[tuple[str, ...], Match, bool]]:
    return [(one.terms, one.match, one.negated) for one in parse(query, TODAY).sought]


@given(TYPED)
def test_whatever_is_typed_is_a_question_of_bounded_size(query: str) -> None:
    asked = parse(query, TODAY)
    assert len(asked.authors) + len(asked.places) + len(asked.company) + len(asked.qualities) <= PARTS_MAX
    assert all(one.terms and all(one.terms) for one in asked.sought)
    assert query_of(Needle(asked.sought), "T1", {}) is None or "'W:T1'" in str(query_of(Needle(asked.sought), "T1", {}))


@given(TYPED)
def test_a_dominant_workspace_asks_for_something_that_is_there(query: str) -> None:
    """An index cannot look for what is only absent."""
    asked = parse(query, TODAY)
    spelt = query_of(Needle(asked.sought), "T1", {}, dominant=True)
    assert spelt is None or ("'W:T1'" in spelt) == all(one.negated for one in asked.sought)


@given(TYPED, TYPED)
def test_marking_changes_nothing_but_marks(text: str, query: str) -> None:
    marked = highlighted(text, parse(query, TODAY).sought)
    assert normal(marked.replace(BEGIN, "").replace(END, "")) == normal(text.replace(BEGIN, "").replace(END, ""))


@given(st.text(max_size=60))
def test_every_word_of_a_text_is_asked_for_by_its_own_spelling(text: str) -> None:
    stored = terms(text)
    for word in unicodedata.normalize("NFC", text).split():
        for one in parse(f'"{word.replace(chr(34), " ")}"', TODAY).sought:
            assert follows(stored, one), (word, one)


@given(UNSPACED, st.data())
def test_any_part_of_a_text_without_spaces_is_asked_for(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    for one in parse(text[start:end], TODAY).sought:
        assert follows(terms(text), one), (text[start:end], one)


def follows(stored: list[str], one: Sought) -> bool:
    """Whether the terms stand in the text one after the other, as both engines look for them."""
    *whole, last = one.terms
    for at in range(len(stored) - len(one.terms) + 1):
        found = stored[at + len(whole)]
        ends = found.startswith(last) if one.match is Match.PREFIX else found == last
        if stored[at : at + len(whole)] == whole and ends:
            return True
    return False


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Deploys of Cities", [(("deploy",), Match.WHOLE, False), (("of",), Match.WHOLE, False), (("city",), Match.WHOLE, False)]),
        ("-rocket", [(("rocket",), Match.WHOLE, True)]),
        ('"two words" -"not these"', [(("two", "word"), Match.WHOLE, False), (("not", "these"), Match.WHOLE, True)]),
        ("rock* *cket* a* *", [(("rock",), Match.PREFIX, False), (("cket",), Match.WITHIN, False), (("a",), Match.WHOLE, False)]),
        ("foo-bar", [(("foo", "bar"), Match.WHOLE, False)]),
        ("東京都 京", [(("東京", "京都"), Match.WHOLE, False), (("京",), Match.PREFIX, False)]),
        ("from: x", [(("from",), Match.WHOLE, False), (("x",), Match.WHOLE, False)]),
        (
            "after:never has:wings is:tall",
            [(("after", "never"), Match.WHOLE, False), (("has", "wing"), Match.WHOLE, False), (("is", "tall"), Match.WHOLE, False)],
        ),
        ("https://a.example/b", [(("http", "a", "example", "b"), Match.WHOLE, False)]),
        ("ÄRGER ｆｕｌｌ", [(("arger",), Match.WHOLE, False), (("full",), Match.WHOLE, False)]),
        ('" - :: ** ""', []),
    ],
)
def test_words(query: str, expected: list[tuple[tuple[str, ...], Match, bool]]) -> None:
    assert sought(query) == expected


def test_modifiers() -> None:
    asked = parse('from:@ann -in:#eng in:"@bob b" with:<@U12345678|x> has::+1::skin-tone-2: -has:link is:thread FROM:me', TODAY)
    assert [(named.sigil, named.name, named.negated) for named in asked.authors] == [("@", "ann", False), ("", "me", False)]
    assert [(named.sigil, named.name, named.negated) for named in asked.places] == [("#", "eng", True), ("@", "bob b", False)]
    assert [named.name for named in asked.company] == ["U12345678"]
    assert [(q.name, q.negated) for q in asked.qualities] == [(":+1:", False), ("has:link", True), ("is:thread", False)]
    assert asked.sought == () and not asked.is_empty and parse(" * ", TODAY).is_empty


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("on:2025-02-28", "2025-02-28", "2025-02-28"),
        ("on:02/28/2025", "2025-02-28", "2025-02-28"),
        ("during:2025-02", "2025-02-01", "2025-02-28"),
        ("during:2024", "2024-01-01", "2024-12-31"),
        ("during:march", "2026-03-01", "2026-03-31"),
        ("during:dec", "2025-12-01", "2025-12-31"),
        ('during:"feb 2024"', "2024-02-01", "2024-02-29"),
        ("on:today", "2026-11-21", "2026-11-21"),
        ("during:yesterday", "2026-11-20", "2026-11-20"),
        ("during:week", "2026-11-16", "2026-11-22"),
        ('during:"last week"', "2026-11-09", "2026-11-15"),
        ("during:last_month", "2026-10-01", "2026-10-31"),
        ("after:2025-01-01 before:2025-01-10", "2025-01-02", "2025-01-09"),
        ("after:january before:march during:2026", "2026-02-01", "2026-02-28"),
    ],
)
def test_dates(query: str, first: str, last: str) -> None:
    asked = parse(query, TODAY, utc_offset_s=-18_000)
    assert asked.since_us == start_us(datetime.date.fromisoformat(first), -18_000)
    assert asked.until_us == start_us(datetime.date.fromisoformat(last), -18_000) + DAY_US - 1


@given(st.text(max_size=20))
def test_what_is_no_date_is_none(text: str) -> None:
    days = days_of(text, TODAY)
    assert days is None or days.first <= days.last


def test_where_nothing_is_found_single_words_are_sought_in_others() -> None:
    wider = widened(Needle(parse('ploymen ab -not "quoted" pre* two-parts 東京', TODAY).sought))
    assert wider is not None
    assert [one.match for one in wider.sought] == [Match.WITHIN, *[Match.WHOLE] * 3, Match.PREFIX, Match.WHOLE, Match.WHOLE]
    assert widened(Needle(parse("*ploymen*", TODAY).sought)) is None
    assert parse("", TODAY) == Asked("")
