from cells.chat.domain.errors import DomainError


class BookmarkNotFound(DomainError):
    """No such bookmark in this conversation."""

    code = "not_found"


class InvalidBookmarkType(DomainError):
    """Links alone are kept."""

    code = "invalid_bookmark_type"


class InvalidLink(DomainError):
    """Not an address of http or https, or too long."""

    code = "invalid_link"


class InvalidBookmarkEmoji(DomainError):
    code = "invalid_emoji"


class TooManyBookmarks(DomainError):
    """In one conversation."""

    code = "too_many_bookmarks"
