from cells.chat.domain.errors import DomainError


class EmojiNotFound(DomainError):
    code = "emoji_not_found"


class EmojiNameTaken(DomainError):
    code = "error_name_taken"


class BadEmojiName(DomainError):
    """Lower case letters, digits, `-`, `_`, `+`, `'`; at most 100."""

    code = "error_bad_name_i18n"


class BadEmojiSource(DomainError):
    """Neither an address of a picture nor a picture, or too large a one."""

    code = "error_bad_source"


class TooManyEmojiMade(DomainError):
    code = "emoji_limit_reached"
