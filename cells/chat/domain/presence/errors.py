from cells.chat.domain.errors import DomainError


class InvalidPresence(DomainError):
    """Neither `auto` nor `away`."""

    code = "invalid_presence"


class MissingDuration(DomainError):
    code = "missing_duration"


class SnoozeTooLong(DomainError):
    """More than a day."""

    code = "too_long"


class SnoozeNotActive(DomainError):
    code = "snooze_not_active"


class InvalidHours(DomainError):
    """No time of the day, or a span of none."""

    code = "invalid_hours"


class NoUsersProvided(DomainError):
    code = "no_users_provided"
