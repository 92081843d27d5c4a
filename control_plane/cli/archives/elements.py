"""The elements of a JSON array, one after the other: only a piece of the file is in memory."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO

PIECE_BYTES = 256 << 10
ELEMENT_CHARACTERS_MAX = 4 << 20
_SPACE = re.compile(r"[\s,]*")
_decoder = json.JSONDecoder()


class Broken(Exception):
    """From here on the file cannot be read; `said` is for people."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


def elements(file: IO[bytes]) -> Iterator[bytes]:
    """Each as it stands in the file. Bytes that are no UTF-8 become U+FFFD. Raises Broken."""
    window = _Window(file)
    if window.first() != "[":
        raise Broken("it is no JSON array")
    window.take(1)
    while (at := window.first()) != "]":
        if not at:
            raise Broken("it ends in the middle")
        yield window.element().encode("utf-8", "replace")


class _Window:
    """The part of a file that is looked at."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
        self._text = ""
        self._at = 0
        self._ended = False

    def first(self) -> str:
        """The next character that is no space or comma, which it then stands at; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, length: int) -> None:
        self._at += length

    def element(self) -> str:
        while True:
            try:
                _, end = _decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > ELEMENT_CHARACTERS_MAX:
                    raise Broken(f"an element is broken, or longer than {ELEMENT_CHARACTERS_MAX >> 20} Mi characters") from None
                if isinstance(error, RecursionError) or not self._more():
                    raise Broken(f"it is no JSON: {error}") from None
            else:
                element, self._at = self._text[self._at : end], end
                return element

    def _more(self) -> bool:
        if self._ended:
            return False
        piece = self._file.read(PIECE_BYTES)
        self._ended = not piece
        self._text, self._at = self._text[self._at :] + self._decode(piece, self._ended), 0
        return not self._ended
