"""PostgreSQL's spelling of documents and questions.

Marks stand among the words, without a place: one index look-up answers words and conditions together. A mark has a capital letter
or a colon in it, which no word has.
"""

from collections.abc import Iterable, Mapping, Sequence

from cells.chat.search.hits import Document
from cells.chat.search.query import Match, Needle, Sought

TSVECTOR_BYTES_MAX = 400_000
"""PostgreSQL takes a megabyte, words and places together."""
PLACES_OF_TERM_MAX = 255


def workspace_mark(workspace_id: str) -> str:
    return f"W:{workspace_id}"


def vector_of(document: Document, workspace_id: str) -> str:
    places: dict[str, list[str]] = {}
    bytes_left = TSVECTOR_BYTES_MAX
    for place, term in enumerate(document.terms, 1):
        bytes_left -= len(term.encode()) + 8
        if bytes_left < 0:
            break
        at = places.setdefault(term, [])
        if len(at) < PLACES_OF_TERM_MAX:
            at.append(str(place))
    words = [f"{literal(term)}:{','.join(at)}" for term, at in places.items()]
    return " ".join([*words, *map(literal, (*document.marks, workspace_mark(workspace_id)))])


def query_of(needle: Needle, workspace_id: str, within: Mapping[str, Sequence[str]], *, dominant: bool = False) -> str | None:
    """None where nothing can be found. `within`: for each part of a word that is asked for, the words that have it.

    The mark of a `dominant` workspace, to which most of the index belongs, narrows nothing and is left out: its list would be walked
    beside those of the words. Not where it is the only thing that is asked to be there.
    """
    conditions: list[str] = []
    for sought in needle.sought:
        spelt = _spelt(sought, within)
        if spelt is None and not sought.negated:
            return None
        if spelt is not None:
            conditions.append(f"!({spelt})" if sought.negated else f"({spelt})")
    for marks in needle.marks:
        if not marks:
            return None
        conditions.append(f"({_any_of(sorted(marks))})")
    conditions += [f"!{literal(mark)}" for mark in sorted(needle.without)]
    if not dominant or all(condition.startswith("!") for condition in conditions):
        conditions.insert(0, literal(workspace_mark(workspace_id)))
    return " & ".join(conditions)


def queries_of(needle: Needle, workspace_id: str, within: Mapping[str, Sequence[str]], *, dominant: bool = False) -> list[str]:
    """The same as `query_of`, as questions of which a hit answers any: one for each word that a part stands for.

    Empty where nothing can be found.
    """
    parts = [sought for sought in needle.sought if sought.match is Match.WITHIN]
    alone = len(parts) == 1 and not parts[0].negated
    each = [{parts[0].terms[0]: [word]} for word in within.get(parts[0].terms[0], ())] if alone else [within]
    asked = [query_of(needle, workspace_id, words, dominant=dominant) for words in each]
    return [query for query in asked if query is not None]


def ranking_of(needle: Needle) -> str | None:
    """What hits are ranked by; None where they all weigh the same."""
    return " & ".join(f"({_spelt(sought, {})})" for sought in needle.weighed) or None


def _spelt(sought: Sought, within: Mapping[str, Sequence[str]]) -> str | None:
    if sought.match is Match.WITHIN:
        words = within.get(sought.terms[0], ())
        return _any_of(words) if words else None
    spelt = [literal(term) for term in sought.terms]
    if sought.match is Match.PREFIX:
        spelt[-1] += ":*"
    return " <-> ".join(spelt)


def _any_of(words: Iterable[str]) -> str:
    return " | ".join(map(literal, words))


def literal(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
