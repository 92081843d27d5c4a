"""From text to terms: the same for what is stored and for what is asked, on every engine.

A word is folded (case, width, accents, plural). Scripts written without spaces become overlapping pairs of characters, each at
the place of its first, so any part of such a text is a phrase of pairs (as Lucene's CJKBigramFilter does it).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

TERM_LENGTH_MAX = 64
"""Characters; longer words are cut, in texts and in questions alike."""
PLACES_MAX = 16_000
"""Terms of one text that are found; a tsvector knows no place beyond 16,383."""

_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    r"\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003134f"
)
_TOKEN = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[^\W_])+(?:['’](?:(?![{_UNSPACED}])[^\W_])+)*")
_FIRST_UNSPACED = re.compile(f"[{_UNSPACED}]")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a text, from `start` to before `end`, and its terms, one a place."""

    start: int
    end: int
    terms: tuple[str, ...]
    unspaced: bool


def tokens(text: str) -> Iterator[Token]:
    """In the order of the text, which should be in NFC (see `normal`)."""
    for match in _TOKEN.finditer(text):
        piece = match[0]
        if _FIRST_UNSPACED.match(piece):
            folded = unicodedata.normalize("NFKC", piece)
            yield Token(match.start(), match.end(), _pairs(folded), True)
        else:
            yield Token(match.start(), match.end(), (fold(piece),), False)


def terms(text: str) -> list[str]:
    """Each at its place: the index is the position."""
    found: list[str] = []
    for token in tokens(normal(text)):
        found.extend(token.terms)
        if len(found) >= PLACES_MAX:
            break
    return found[:PLACES_MAX]


def normal(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold(word: str) -> str:
    """One word's term; never empty."""
    if not word.isascii():
        apart = unicodedata.normalize("NFKD", word.casefold())
        word = "".join(letter for letter in apart if not unicodedata.combining(letter)).replace("’", "'") or word
    return _singular(word.casefold().removesuffix("'s"))[:TERM_LENGTH_MAX]


def _singular(word: str) -> str:
    """Plural endings alone are taken off (Donna Harman, "How Effective Is Suffixing?", JASIS 42(1), 1991)."""
    if len(word) > 4 and word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if len(word) > 3 and word[-1] == "s" and word[-2] not in "us'i":
        return word[:-1]
    return word


def _pairs(run: str) -> tuple[str, ...]:
    """The last character stands alone, so that every character begins some term."""
    return tuple(run[at : at + 2] for at in range(len(run)))
