from cells.chat.domain.errors import DomainError


class CannotParse(DomainError):
    """A time that is not understood, is over, or is more than five years ahead; and anything that recurs."""

    code = "cannot_parse"


class MissingArgument(DomainError):
    """No text, or no time."""

    code = "missing_argument"


class CannotAddBot(DomainError):
    code = "cannot_add_bot"


class CannotAddOthers(DomainError):
    """Guests remind themselves alone."""

    code = "cannot_add_others"


class CannotCompleteOthers(DomainError):
    """It is for somebody else: only they are done with it."""

    code = "cannot_complete_others"


class ReminderNotFound(DomainError):
    """None that one made or that is for one."""

    code = "not_found"
