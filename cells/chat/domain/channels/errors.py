from cells.chat.domain.errors import DomainError


class ChannelNotFound(DomainError):
    """No such conversation for this user: unknown, of another workspace, or private and the user is not in it."""

    code = "channel_not_found"


class ChannelArchived(DomainError):
    code = "is_archived"


class NotInChannel(DomainError):
    """The channel can be seen, but only members may do this."""

    code = "not_in_channel"


class WrongChannelType(DomainError):
    code = "method_not_supported_for_channel_type"


class NameTaken(DomainError):
    code = "name_taken"


class NameRequired(DomainError):
    code = "invalid_name_required"


class NameTooLong(DomainError):
    code = "invalid_name_maxlength"


class NameHasSpecials(DomainError):
    """Something other than lower case letters, digits, hyphens and underscores."""

    code = "invalid_name_specials"


class NameIsPunctuation(DomainError):
    """Nothing but hyphens and underscores."""

    code = "invalid_name_punctuation"


class NameInvalid(DomainError):
    """Upper case letters, as Slack's own word for the rest."""

    code = "invalid_name"


class CantLeaveGeneral(DomainError):
    code = "cant_leave_general"


class CantArchiveGeneral(DomainError):
    code = "cant_archive_general"


class AlreadyArchived(DomainError):
    code = "already_archived"


class NotArchived(DomainError):
    code = "not_archived"


class NoteTooLong(DomainError):
    """A topic or a purpose of more than 250 characters."""

    code = "too_long"


class LastMember(DomainError):
    """A private channel that its last member leaves would be nobody's."""

    code = "last_member"


class NotEnoughUsers(DomainError):
    code = "not_enough_users"


class TooManyUsers(DomainError):
    code = "too_many_users"


class UsersNotSupplied(DomainError):
    code = "users_list_not_supplied"
