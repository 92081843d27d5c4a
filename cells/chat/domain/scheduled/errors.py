from cells.chat.domain.errors import DomainError


class TimeInPast(DomainError):
    code = "time_in_past"


class TimeTooFar(DomainError):
    """More than 120 days ahead."""

    code = "time_too_far"


class InvalidTime(DomainError):
    """No whole number of seconds since 1970."""

    code = "invalid_time"


class TooManyScheduled(DomainError):
    """More than 30 for a channel within five minutes."""

    code = "restricted_too_many"


class InvalidScheduledId(DomainError):
    """None of one's own in that channel that waits still."""

    code = "invalid_scheduled_message_id"


class InvalidChannel(DomainError):
    """chat.scheduledMessages.list's own word for a channel that is not there."""

    code = "invalid_channel"
