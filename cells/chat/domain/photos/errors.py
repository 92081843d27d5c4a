from cells.chat.domain.errors import DomainError


class BadImage(DomainError):
    """Not a picture that can be read."""

    code = "bad_image"


class ImageTooLarge(DomainError):
    """More than 1 MB, or more than 4,096 pixels wide or high."""

    code = "too_large"


class TooManyFrames(DomainError):
    """Pictures of people stand still."""

    code = "too_many_frames"


class NoImage(DomainError):
    code = "not_found"
