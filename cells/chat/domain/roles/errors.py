from cells.chat.domain.errors import DomainError


class InvalidRole(DomainError):
    """Not a role that a person can be given."""

    code = "invalid_role"


class RestrictedAction(DomainError):
    """The workspace lets this user's role not do it."""

    code = "restricted_action"


class UserIsRestricted(DomainError):
    """Guests may not, neither of several channels nor of one."""

    code = "user_is_restricted"


class UserIsUltraRestricted(DomainError):
    """Guests of one channel may not."""

    code = "user_is_ultra_restricted"


class NotAuthorized(DomainError):
    """conversations.rename's own word: neither its creator nor an administrator."""

    code = "not_authorized"


class PermissionDenied(DomainError):
    """The word of bookmarks and user groups."""

    code = "permission_denied"


class NotAnAdmin(DomainError):
    """The word of admin.*."""

    code = "not_an_admin"
