from cells.chat.domain.errors import DomainError


class InvalidTimestamp(DomainError):
    code = "invalid_timestamp"
