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
    """Each fault names the part by a JSON pointer."""

    code = "invalid_blocks"

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.messages = tuple(f"[ERROR] {fault}" for fault in faults)


class InvalidBlocksFormat(DomainError):
    code = "invalid_blocks_format"


class BlocksTooLong(DomainError):
    code = "msg_blocks_too_long"


class TooManyAttachments(DomainError):
    code = "too_many_attachments"


class AttachmentsTooLarge(DomainError):
    code = "attachment_payload_limit_exceeded"


class InvalidAttachments(DomainError):
    """Too large, or not what attachments are (the word of chat.update and chat.postEphemeral)."""

    code = "invalid_attachments"

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.messages = tuple(f"[ERROR] {fault}" for fault in faults)


class InvalidMetadata(DomainError):
    code = "invalid_metadata_format"


class MetadataTooLarge(DomainError):
    code = "metadata_too_large"


class MarkdownConflict(DomainError):
    """`markdown_text` together with `text` or `blocks`."""

    code = "markdown_text_conflict"


class EditConflict(DomainError):
    """Somebody edited it since the caller read it (`expected_edited_ts`)."""

    code = "update_failed"


class CantBroadcast(DomainError):
    """Only a reply that stays in its thread so far can be broadcast."""

    code = "cant_broadcast_message"


class NoDualBroadcast(DomainError):
    """A reply is broadcast or changed, not both at once."""

    code = "no_dual_broadcast_content_update"


class StreamingConflict(DomainError):
    """A message that is being streamed is changed by its stream alone."""

    code = "streaming_state_conflict"


class NotStreaming(DomainError):
    """The message is none that is being streamed, or its stream has stopped."""

    code = "message_not_in_streaming_state"


class NotOwnStream(DomainError):
    """Another app streams it."""

    code = "message_not_owned_by_app"


class InvalidChunks(DomainError):
    code = "invalid_chunks"


class ChannelTypeNotSupported(DomainError):
    """Streams belong to a thread or to a direct message."""

    code = "channel_type_not_supported"


class UserNotInChannel(DomainError):
    """Whom it is for is not in the channel."""

    code = "user_not_in_channel"


class CannotFindChannel(DomainError):
    """chat.unfurl's word for a channel that the app's user is not in."""

    code = "cannot_find_channel"


class CannotFindMessage(DomainError):
    code = "cannot_find_message"


class CannotUnfurlUrl(DomainError):
    """The message holds no such link."""

    code = "cannot_unfurl_url"
