"""A bookmark as Slack shows it (https://api.slack.com/methods/bookmarks.add), and what is announced about bookmarks."""

from typing import Any

from cells.chat.domain.bookmarks.bookmark import Bookmark
from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event


def bookmark_face(bookmark: Bookmark, team_id: str) -> dict[str, Any]:
    return {
        "id": bookmark.bookmark_id,
        "channel_id": bookmark.channel_id,
        "title": bookmark.title,
        "link": bookmark.link,
        "emoji": bookmark.emoji,
        "icon_url": None,
        "type": "link",
        "entity_id": None,
        "date_created": bookmark.created_us // 1_000_000,
        "date_updated": bookmark.updated_us // 1_000_000,
        "rank": show_ts(bookmark.created_us),
        "last_updated_by_user_id": bookmark.updated_by,
        "last_updated_by_team_id": team_id,
        "shortcut_id": None,
        "app_id": None,
    }


def bookmark_told(kind: str, bookmark: Bookmark, team_id: str, user_id: str, now_us: int) -> Event:
    """`kind` is bookmark_added, bookmark_edited or bookmark_removed; told to the conversation."""
    fields = {
        "type": kind,
        "channel": bookmark.channel_id,
        "user": user_id,
        "bookmark": bookmark_face(bookmark, team_id),
        "event_ts": show_ts(now_us),
    }
    return Event(kind, (bookmark.channel_id,), payload_of(fields))
