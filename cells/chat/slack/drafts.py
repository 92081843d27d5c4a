"""What a client wants to say, checked: text, blocks, attachments, metadata."""

from typing import Any

import msgspec

from cells.chat.domain.messages.errors import (
    AttachmentsTooLarge,
    BlocksTooLong,
    InvalidBlocks,
    InvalidBlocksFormat,
    InvalidMetadata,
    MarkdownConflict,
    MetadataTooLarge,
    TooManyAttachments,
)
from cells.chat.slack.arguments import Nested
from cells.chat.slack.errors import InvalidArguments

BLOCKS_MAX = 50
ATTACHMENTS_MAX = 100
BLOCKS_BYTES_MAX = 100_000
ATTACHMENTS_BYTES_MAX = 100_000
METADATA_BYTES_MAX = 16_000
_encode = msgspec.json.Encoder().encode


class DraftArguments(msgspec.Struct, kw_only=True):
    """What chat.postMessage and chat.update share."""

    text: str | None = None
    markdown_text: str | None = None
    blocks: Nested | None = None
    attachments: Nested | None = None
    metadata: Nested | None = None


def text_of(draft: DraftArguments) -> str | None:
    if draft.markdown_text is None:
        return draft.text
    if draft.text or draft.blocks:
        raise MarkdownConflict
    return draft.markdown_text


def extras_of(draft: DraftArguments) -> str | None:
    """JSON of what is carried as given; None where nothing was given, `{}` where it was given empty."""
    if draft.blocks is None and draft.attachments is None and draft.metadata is None:
        return None
    extras: dict[str, Any] = {}
    if draft.blocks:
        extras["blocks"] = _checked_blocks(draft.blocks)
    if draft.attachments:
        extras["attachments"] = _checked_attachments(draft.attachments)
    if draft.metadata:
        extras["metadata"] = _checked_metadata(draft.metadata)
    return _encode(extras).decode()


def _checked_blocks(blocks: Nested) -> Nested:
    if not isinstance(blocks, list):
        raise InvalidBlocksFormat
    if len(blocks) > BLOCKS_MAX or not all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in blocks):
        raise InvalidBlocks
    if len(_encode(blocks)) > BLOCKS_BYTES_MAX:
        raise BlocksTooLong
    return blocks


def _checked_attachments(attachments: Nested) -> Nested:
    """Numbered from 1, as Slack numbers them."""
    if not isinstance(attachments, list) or not all(isinstance(attachment, dict) for attachment in attachments):
        raise InvalidArguments("must be an array of objects [json-pointer:/attachments]")
    if len(attachments) > ATTACHMENTS_MAX:
        raise TooManyAttachments
    if len(_encode(attachments)) > ATTACHMENTS_BYTES_MAX:
        raise AttachmentsTooLarge
    return [{**attachment, "id": number} for number, attachment in enumerate(attachments, 1)]


def _checked_metadata(metadata: Nested) -> Nested:
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_type"), str):
        raise InvalidMetadata
    if not isinstance(metadata.get("event_payload", {}), dict):
        raise InvalidMetadata
    if len(_encode(metadata)) > METADATA_BYTES_MAX:
        raise MetadataTooLarge
    return metadata
