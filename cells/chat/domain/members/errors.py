from cells.chat.domain.errors import DomainError


class AlreadyInChannel(DomainError):
    code = "already_in_channel"


class CantInviteSelf(DomainError):
    code = "cant_invite_self"


class CantKickSelf(DomainError):
    code = "cant_kick_self"


class CantKickFromGeneral(DomainError):
    code = "cant_kick_from_general"


class GuestOfOneChannel(DomainError):
    """A guest of one channel is in it already."""

    code = "ura_max_channels"


class UserNotVisible(DomainError):
    """A guest, and somebody with whom the guest shares no channel."""

    code = "user_not_visible"


class NoUserToInvite(DomainError):
    code = "no_user"
