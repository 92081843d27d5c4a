from cells.chat.domain.errors import DomainError


class InvalidCredentials(DomainError):
    """The same for an address that nobody has, one that is switched off, one without a password, and a wrong password."""

    code = "invalid_credentials"


class TotpRequired(DomainError):
    """The account has a second factor: send its code too."""

    code = "totp_required"


class InvalidTotp(DomainError):
    """Wrong, too old, or used before."""

    code = "invalid_totp"


class TooManyAttempts(DomainError):
    """Locked for `retry_after_s` seconds; the right answer is refused as well."""

    code = "too_many_attempts"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class InvalidCode(DomainError):
    """No such link or invitation, or one that is used, taken back or out of date."""

    code = "invalid_code"


class InvalidPassword(DomainError):
    """Too short, too long, or easily guessed."""

    code = "invalid_password"


class TotpAlreadyOn(DomainError):
    code = "totp_already_on"


class TotpNotOn(DomainError):
    """Nothing to confirm, or to take away."""

    code = "totp_not_on"


class NotAPerson(DomainError):
    """Bots do not sign in."""

    code = "not_allowed_token_type"


class SessionNotFound(DomainError):
    code = "session_not_found"
