from cells.chat.domain.errors import DomainError


class UnknownPlan(DomainError):
    """None of the plans there are."""

    code = "invalid_plan"


class MessageLimitExceeded(DomainError):
    """The workspace has said as much today as its plan lets it."""

    code = "message_limit_exceeded"


class MemberLimitExceeded(DomainError):
    """The workspace has as many people as its plan lets it."""

    code = "member_limit_exceeded"


class StorageLimitExceeded(DomainError):
    """The workspace keeps as many bytes of files as its plan lets it."""

    code = "storage_limit_reached"
