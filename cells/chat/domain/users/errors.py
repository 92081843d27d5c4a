from cells.chat.domain.errors import DomainError


class UserNotFound(DomainError):
    """No such user here; the same word for a user of another workspace."""

    code = "user_not_found"


class UsersNotFound(DomainError):
    """No user has this address (users.lookupByEmail's own word)."""

    code = "users_not_found"


class UserDisabled(DomainError):
    code = "user_disabled"


class AlreadyInTeam(DomainError):
    """A user with this address is here already."""

    code = "already_in_team"


class InvalidEmail(DomainError):
    code = "invalid_email"


class InvalidProfile(DomainError):
    """Not an object, or a part of it is not what it should be."""

    code = "invalid_profile"


class ProfileTooLong(DomainError):
    code = "too_long"


class NotAdmin(DomainError):
    """Only an administrator changes what is another's."""

    code = "not_admin"


class CannotChangeOwner(DomainError):
    """Only an owner changes owners, and the primary owner stays."""

    code = "cant_change_owner"


class CannotChangeBot(DomainError):
    """A bot's account belongs to its app."""

    code = "cant_change_bot"


class UserNotVisible(DomainError):
    """Guests know of people with whom they share a conversation."""

    code = "user_not_visible"
