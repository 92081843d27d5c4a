from cells.chat.domain.errors import DomainError


class NoSuchUserGroup(DomainError):
    code = "no_such_subteam"


class NameMissing(DomainError):
    code = "missing_subteam_name"


class GroupNameTooLong(DomainError):
    code = "name_too_long"


class GroupNameTaken(DomainError):
    code = "name_already_exists"


class DescriptionTooLong(DomainError):
    code = "description_too_long"


class BadHandle(DomainError):
    """Something other than lower case letters, digits, hyphens, dots and underscores."""

    code = "bad_handle"


class ForbiddenHandle(DomainError):
    """A word that calls everyone."""

    code = "forbidden_handle"


class HandleTaken(DomainError):
    """By another group, or by a user's name."""

    code = "handle_already_exists"


class InvalidChannel(DomainError):
    code = "invalid_channel_provided"


class InvalidUsers(DomainError):
    code = "invalid_users"


class NoUsersProvided(DomainError):
    code = "no_users_provided"


class TooManyGroupUsers(DomainError):
    code = "subteam_max_users_exceeded"
