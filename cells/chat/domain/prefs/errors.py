from cells.chat.domain.errors import DomainError


class InvalidPref(DomainError):
    code = "invalid_prefs"
