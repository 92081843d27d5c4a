from cells.chat.domain.errors import DomainError


class FileNotFound(DomainError):
    """No such file for this user: unknown, of another workspace, not completed, or nowhere the user could see it."""

    code = "file_not_found"


class FileDeleted(DomainError):
    """It was there once, and this user could see it."""

    code = "file_deleted"


class CantDeleteFile(DomainError):
    """Only who put it up, or an owner, deletes a file."""

    code = "cant_delete_file"


class FileTooLarge(DomainError):
    """More than the workspace's plan allows for one file."""

    code = "file_upload_size_restricted"


class PostContentsTooLarge(DomainError):
    """The same in the words of the legacy upload."""

    code = "post_contents_too_large"


class SnippetTooLarge(DomainError):
    code = "snippet_too_large"


class AltTextTooLarge(DomainError):
    code = "alt_txt_too_large"


class UnknownSnippetType(DomainError):
    code = "unknown_snippet_type"


class FileUpdateFailed(DomainError):
    """An upload was to be completed whose bytes are not here."""

    code = "file_update_failed"


class TooManyChannels(DomainError):
    code = "channels_limit_exceeded"


class InvalidThreadTs(DomainError):
    """`thread_ts` names no message that can hold a thread."""

    code = "invalid_thread_ts"


class NoFileData(DomainError):
    """Neither a file nor content was sent."""

    code = "no_file_data"


class UnknownType(DomainError):
    """A word in `types` that is none."""

    code = "unknown_type"


class NotAllowed(DomainError):
    """Only who put the file up makes it public; nobody makes public what is quarantined."""

    code = "not_allowed"


class UploadNotOpen(DomainError):
    """The address to upload to is spent, has expired, or its file was deleted."""

    code = "upload_not_open"


class ContentTaken(DomainError):
    """The file has other content already: one address takes one file."""

    code = "upload_already_received"


class UploadsDisabled(DomainError):
    """The cell was told of no store."""

    code = "file_uploads_disabled"
