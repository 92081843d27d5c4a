"""A link at the top of a conversation, and what one may be. Pure."""

import re
from dataclasses import dataclass

from cells.chat.domain.bookmarks.errors import InvalidBookmarkEmoji, InvalidLink

LINK_LENGTH_MAX = 2_048
TITLE_LENGTH_MAX = 256
_LINK = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
_EMOJI = re.compile(r":?([\w+'&.-]{1,100}(?:::skin-tone-[2-6])?):?")


@dataclass(frozen=True, slots=True)
class Bookmark:
    bookmark_id: str
    channel_id: str
    title: str
    link: str
    emoji: str
    """Between colons; empty: none."""
    created_by: str
    updated_by: str
    created_us: int
    updated_us: int
    """0: it is as it was made."""


def checked_link(link: str) -> str:
    stored = link.strip()
    if len(stored) > LINK_LENGTH_MAX or not _LINK.fullmatch(stored):
        raise InvalidLink
    return stored


def checked_emoji(emoji: str) -> str:
    if not emoji:
        return ""
    found = _EMOJI.fullmatch(emoji.strip())
    if found is None:
        raise InvalidBookmarkEmoji
    return f":{found[1]}:"
