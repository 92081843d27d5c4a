from cells.chat.domain.errors import DomainError


class AlreadyPinned(DomainError):
    code = "already_pinned"


class NotPinned(DomainError):
    """The message is there, and no pin."""

    code = "no_pin"


class TooManyPins(DomainError):
    """In one conversation."""

    code = "too_many_pins"
