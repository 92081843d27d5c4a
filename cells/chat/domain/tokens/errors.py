from cells.chat.domain.errors import DomainError


class NotAuthed(DomainError):
    """No token was given."""

    code = "not_authed"


class InvalidAuth(DomainError):
    """The token is none of this workspace's."""

    code = "invalid_auth"


class TokenRevoked(DomainError):
    code = "token_revoked"


class TokenExpired(DomainError):
    """Its time is over."""

    code = "token_expired"


class TokenNotFound(DomainError):
    """No token has this id."""

    code = "token_not_found"


class InvalidExpiry(DomainError):
    """Not a number of seconds between a minute and ten years."""

    code = "invalid_expiry"


class AccountInactive(DomainError):
    """The token's user is switched off."""

    code = "account_inactive"


class MissingScope(DomainError):
    code = "missing_scope"

    def __init__(self, needed: str, provided: str) -> None:
        super().__init__(f"needs {needed}")
        self.needed = needed
        self.provided = provided


class InvalidScope(DomainError):
    """A scope that nothing here asks for."""

    code = "invalid_scope"
