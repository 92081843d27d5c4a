from cells.chat.domain.errors import DomainError


class InvalidRetention(DomainError):
    """Not a number of days that messages may be kept for."""

    code = "invalid_duration"
