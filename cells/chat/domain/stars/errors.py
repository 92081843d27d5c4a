from cells.chat.domain.errors import DomainError


class AlreadyStarred(DomainError):
    code = "already_starred"


class NotStarred(DomainError):
    code = "not_starred"


class NoItemSpecified(DomainError):
    """Neither a message, nor a file, nor a channel."""

    code = "no_item_specified"


class TooManyStars(DomainError):
    code = "too_many_stars"
