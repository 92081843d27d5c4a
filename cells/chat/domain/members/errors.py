from cells.chat.domain.errors import DomainError


class AlreadyInChannel(DomainError):
    code = "already_in_channel"


class CantInviteSelf(DomainError):
    code = "cant_invite_self"


class NoUserToInvite(DomainError):
    code = "no_user"
