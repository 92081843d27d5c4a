from cells.chat.domain.errors import DomainError


class InvalidEmoji(DomainError):
    code = "invalid_name"


class BadTimestamp(DomainError):
    code = "bad_timestamp"


class NoItem(DomainError):
    """Neither channel nor timestamp names a message."""

    code = "no_item_specified"


class AlreadyReacted(DomainError):
    code = "already_reacted"


class NoReaction(DomainError):
    code = "no_reaction"


class TooManyEmoji(DomainError):
    """Different ones on a message."""

    code = "too_many_emoji"


class TooManyReactions(DomainError):
    """One user's on a message."""

    code = "too_many_reactions"
