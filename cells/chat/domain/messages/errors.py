from cells.chat.domain.errors import DomainError


class MessageNotFound(DomainError):
    code = "message_not_found"


class ThreadNotFound(DomainError):
    code = "thread_not_found"


class TextTooLong(DomainError):
    """Over 40,000 characters: refused, never cut."""

    code = "msg_too_long"


class NoText(DomainError):
    """Nothing to say: no text, no blocks, no attachments."""

    code = "no_text"


class CantReply(DomainError):
    """`thread_ts` names no message of this channel that can hold a thread."""

    code = "cannot_reply_to_message"


class CantUpdate(DomainError):
    """Only its author changes a message."""

    code = "cant_update_message"


class CantDelete(DomainError):
    """Only its author or an owner deletes a message."""

    code = "cant_delete_message"


class ChannelInactive(DomainError):
    """chat.update's own word for an archived channel."""

    code = "is_inactive"


class InvalidBlocks(DomainError):
    code = "invalid_blocks"


class InvalidBlocksFormat(DomainError):
    code = "invalid_blocks_format"


class BlocksTooLong(DomainError):
    code = "msg_blocks_too_long"


class TooManyAttachments(DomainError):
    code = "too_many_attachments"


class AttachmentsTooLarge(DomainError):
    code = "attachment_payload_limit_exceeded"


class InvalidAttachments(DomainError):
    """Too large (chat.update's own word)."""

    code = "invalid_attachments"


class InvalidMetadata(DomainError):
    code = "invalid_metadata_format"


class MetadataTooLarge(DomainError):
    code = "metadata_too_large"


class MarkdownConflict(DomainError):
    """`markdown_text` together with `text` or `blocks`."""

    code = "markdown_text_conflict"
