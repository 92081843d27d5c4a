"""Range requests (RFC 9110 sections 13 and 14): one range of bytes. Several at once are passed over and answered whole, as section
14.2 allows: clients that resume or seek ask for one."""

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


class Unsatisfiable(Exception):
    """No byte of the file lies in the range: 416."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to before `end`."""

    start: int
    end: int

    def content_range(self, size: int) -> bytes:
        return f"bytes {self.start}-{self.end - 1}/{size}".encode()


def span_of(asked: str, size: int) -> Span | None:
    """None: all of it (no range, one that cannot be read, or several). Raises Unsatisfiable."""
    found = _ONE.fullmatch(asked)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= size or start >= end:
        raise Unsatisfiable
    return Span(start, end)


def same_tag(given: str, etag: str) -> bool:
    """If-None-Match against a strong tag: any of the list, weak or not (section 13.1.2)."""
    return given.strip() == "*" or any(part.strip().removeprefix("W/") == etag for part in given.split(","))


def range_still_meant(if_range: str, etag: str) -> bool:
    """If-Range with another tag, or a date: the client's part is of something else (section 13.1.5)."""
    return not if_range or if_range.strip() == etag
