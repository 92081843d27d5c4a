"""Marking what was looked for in a text, as Slack marks it: U+E000 before, U+E001 after."""

import re
import unicodedata
from collections.abc import Sequence

from cells.chat.search.query import Match, Sought
from cells.chat.search.words import Token, normal, tokens

BEGIN, END = "\ue000", "\ue001"
_MARKUP = re.compile(r"<[^<>]*>")


def highlighted(text: str, sought: Sequence[Sought]) -> str:
    """What stands in markup (mentions, links) is left as it is."""
    wanted = [one for one in sought if not one.negated]
    if not wanted or not text:
        return text
    text = normal(text)
    veiled = _MARKUP.sub(lambda found: " " * len(found[0]), text)
    spans = [span for token in tokens(veiled) for span in _spans(token, veiled, wanted)]
    return _marked(text, spans)


def _spans(token: Token, text: str, wanted: Sequence[Sought]) -> list[tuple[int, int]]:
    if token.unspaced:
        return _spans_inside(token, unicodedata.normalize("NFKC", text[token.start : token.end]), wanted)
    [term] = token.terms
    return [(token.start, token.end)] if any(_is_word_of(term, sought) for sought in wanted) else []


def _is_word_of(term: str, sought: Sought) -> bool:
    *whole, last = sought.terms
    if sought.match is Match.WITHIN:
        return last in term
    return term in whole or (term.startswith(last) if sought.match is Match.PREFIX else term == last)


def _spans_inside(token: Token, run: str, wanted: Sequence[Sought]) -> list[tuple[int, int]]:
    """Places in a text without spaces are found by its characters; where folding changed its length the whole run is marked."""
    found: list[tuple[int, int]] = []
    for sought in wanted:
        part = "".join(term[0] for term in sought.terms[:-1]) + sought.terms[-1]
        at = run.find(part)
        while at >= 0:
            exact = len(run) == token.end - token.start
            found.append((token.start + at, token.start + at + len(part)) if exact else (token.start, token.end))
            at = run.find(part, at + len(part))
    return sorted(found)


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    pieces: list[str] = []
    reached = 0
    for start, end in spans:
        if start < reached:
            continue
        pieces += [text[reached:start], BEGIN, text[start:end], END]
        reached = end
    return "".join([*pieces, text[reached:]])
