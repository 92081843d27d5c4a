"""Cursors: where the next page begins, in base64 that ends in `=` as Slack's do. Opaque to clients, readable to us."""

import base64
import binascii

from cells.chat.slack.errors import InvalidCursor

LIMIT_MAX = 1000
CURSOR_LENGTH_MAX = 200


def page_size(limit: int | None, default: int) -> int:
    """Limits out of range are adjusted in silence."""
    return default if limit is None or limit <= 0 else min(limit, LIMIT_MAX)


def write_cursor(kind: str, place: str) -> str:
    text = f"{kind}:{place}"
    return base64.b64encode((text + " " * (len(text) % 3 == 0)).encode()).decode()


def read_cursor(kind: str, cursor: str | None) -> str:
    """The place; empty for the first page. Raises InvalidCursor for what `write_cursor(kind, ...)` never wrote."""
    if not cursor:
        return ""
    if len(cursor) > CURSOR_LENGTH_MAX:
        raise InvalidCursor
    try:
        found, separator, place = base64.b64decode(cursor.encode("ascii"), validate=True).decode("ascii").partition(":")
    except (UnicodeError, binascii.Error) as error:
        raise InvalidCursor from error
    place = place.rstrip(" ")
    if found != kind or not separator or not place or not place.isalnum():
        raise InvalidCursor
    return place


def next_cursor(cursor: str) -> dict[str, str]:
    return {"next_cursor": cursor}
