"""Refusals of the wire itself, before any method is asked (https://api.slack.com/web#errors)."""

from cells.chat.domain.errors import DomainError


class UnknownMethod(DomainError):
    code = "unknown_method"


class InvalidJson(DomainError):
    code = "invalid_json"


class JsonNotObject(DomainError):
    code = "json_not_object"


class InvalidFormData(DomainError):
    code = "invalid_form_data"


class InvalidPostType(DomainError):
    """A body of a kind that is not read."""

    code = "invalid_post_type"


class MissingPostType(DomainError):
    """A body, and no Content-Type."""

    code = "missing_post_type"


class InvalidArguments(DomainError):
    """Each message names one argument."""

    code = "invalid_arguments"

    def __init__(self, *messages: str) -> None:
        super().__init__("; ".join(messages))
        self.messages = tuple(f"[ERROR] {message}" for message in messages)


class InvalidCursor(DomainError):
    code = "invalid_cursor"


class InvalidTypes(DomainError):
    code = "invalid_types"


class InvalidOldest(DomainError):
    code = "invalid_ts_oldest"


class InvalidLatest(DomainError):
    code = "invalid_ts_latest"


class TeamNotFound(DomainError):
    code = "team_not_found"


class BodyTooLarge(DomainError):
    """Answered with HTTP 413."""

    code = "request_too_large"


class MissingChannel(DomainError):
    code = "missing_channel"


class MissingTs(DomainError):
    code = "missing_ts"


class MissingUnfurls(DomainError):
    code = "missing_unfurls"


class InvalidUnfurlsFormat(DomainError):
    """Not an object of links and attachments, empty, or more than 20."""

    code = "invalid_unfurls_format"


class CannotParseAttachment(DomainError):
    """One of the previews is no attachment, or too large."""

    code = "cannot_parse_attachment"


class MissingSource(DomainError):
    code = "missing_source"


class MissingUnfurlId(DomainError):
    code = "missing_unfurl_id"


class InvalidSource(DomainError):
    code = "invalid_source"


class InvalidUnfurlId(DomainError):
    code = "invalid_unfurl_id"
