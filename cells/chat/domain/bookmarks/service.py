"""Links at the top of a conversation: its members put them there, guests left out."""

from dataclasses import dataclass, replace

from cells.chat.domain.bookmarks.bookmark import TITLE_LENGTH_MAX, Bookmark, checked_emoji, checked_link
from cells.chat.domain.bookmarks.errors import BookmarkNotFound, TooManyBookmarks
from cells.chat.domain.bookmarks.events import bookmark_told
from cells.chat.domain.bookmarks.repository import Bookmarks
from cells.chat.domain.channels.service import require_standing
from cells.chat.domain.roles.actions import Action, require_may
from cells.chat.domain.roles.errors import PermissionDenied
from cells.chat.domain.roles.role import Role
from cells.runtime.log import Transaction
from chassis.identity import UserId, make_id

BOOKMARKS_MAX = 100
"""In one conversation."""


@dataclass(frozen=True, slots=True)
class Editor:
    """Who changes the bookmarks of which conversation."""

    channel_id: str
    user_id: UserId
    role: Role


@dataclass(frozen=True, slots=True)
class AddBookmark:
    editor: Editor
    title: str
    link: str
    emoji: str

    async def apply(self, tx: Transaction) -> Bookmark:
        await _require_editor(tx, self.editor)
        link, emoji = checked_link(self.link), checked_emoji(self.emoji)
        bookmarks, me = Bookmarks(tx.connection, tx.scope), self.editor.user_id
        if len(await bookmarks.of(self.editor.channel_id, BOOKMARKS_MAX)) >= BOOKMARKS_MAX:
            raise TooManyBookmarks
        now_us, title = tx.next_ts_us(), self.title[:TITLE_LENGTH_MAX]
        bookmark = Bookmark(make_id("Bk"), self.editor.channel_id, title, link, emoji, me, me, now_us, 0)
        await bookmarks.insert(bookmark)
        tx.append(bookmark_told("bookmark_added", bookmark, tx.scope.workspace_id, me, now_us))
        return bookmark


@dataclass(frozen=True, slots=True)
class EditBookmark:
    """None leaves a part as it is."""

    editor: Editor
    bookmark_id: str
    title: str | None
    link: str | None
    emoji: str | None

    async def apply(self, tx: Transaction) -> Bookmark:
        before = await _require_bookmark(tx, self.editor, self.bookmark_id)
        now_us, me = tx.next_ts_us(), self.editor.user_id
        after = replace(
            before,
            title=before.title if self.title is None else self.title[:TITLE_LENGTH_MAX],
            link=before.link if self.link is None else checked_link(self.link),
            emoji=before.emoji if self.emoji is None else checked_emoji(self.emoji),
            updated_by=me,
            updated_us=now_us,
        )
        await Bookmarks(tx.connection, tx.scope).change(after)
        tx.append(bookmark_told("bookmark_edited", after, tx.scope.workspace_id, me, now_us))
        return after


@dataclass(frozen=True, slots=True)
class RemoveBookmark:
    editor: Editor
    bookmark_id: str

    async def apply(self, tx: Transaction) -> None:
        bookmark = await _require_bookmark(tx, self.editor, self.bookmark_id)
        await Bookmarks(tx.connection, tx.scope).remove(self.editor.channel_id, self.bookmark_id)
        tx.append(bookmark_told("bookmark_removed", bookmark, tx.scope.workspace_id, self.editor.user_id, tx.next_ts_us()))


async def _require_editor(tx: Transaction, editor: Editor) -> None:
    """A member of a conversation that is in use."""
    standing = await require_standing(tx.connection, tx.scope, editor.channel_id, editor.user_id)
    require_may(editor.role, Action.EDIT_BOOKMARKS)
    if not standing.is_member or standing.channel.archived:
        raise PermissionDenied


async def _require_bookmark(tx: Transaction, editor: Editor, bookmark_id: str) -> Bookmark:
    await _require_editor(tx, editor)
    bookmark = await Bookmarks(tx.connection, tx.scope).get(editor.channel_id, bookmark_id)
    if bookmark is None:
        raise BookmarkNotFound
    return bookmark
