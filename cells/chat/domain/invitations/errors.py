from cells.chat.domain.errors import DomainError


class InvitationNotFound(DomainError):
    """None with this id, or it is not open any more."""

    code = "invitation_not_found"


class GuestNeedsChannel(DomainError):
    """A guest is asked into channels: one of them for a guest of one channel, at least one for others."""

    code = "invalid_channel_ids"


class InvalidDuration(DomainError):
    """Not between an hour and 90 days."""

    code = "invalid_expiry"


class TooManyInvitations(DomainError):
    code = "too_many_invitations"
