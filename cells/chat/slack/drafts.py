"""What a client wants to say, checked: text, blocks, attachments, metadata, and how an app wants to be shown."""

from dataclasses import dataclass
from typing import Any

import msgspec

from cells.chat.domain.blocks.attachments import ATTACHMENTS_MAX, attachment_faults, nested_faults, numbered
from cells.chat.domain.blocks.kit import faults_of, name_parts
from cells.chat.domain.messages.errors import (
    AttachmentsTooLarge,
    BlocksTooLong,
    InvalidBlocks,
    InvalidBlocksFormat,
    InvalidMetadata,
    MarkdownConflict,
    MetadataTooLarge,
    NoText,
    TextTooLong,
    TooManyAttachments,
)
from cells.chat.domain.messages.events import PRIVATE
from cells.chat.domain.messages.service import checked_text
from cells.chat.domain.tokens.repository import Bearer
from cells.chat.slack.arguments import Nested
from cells.chat.slack.errors import InvalidArguments

BLOCKS_BYTES_MAX = 100_000
ATTACHMENTS_BYTES_MAX = 100_000
METADATA_BYTES_MAX = 16_000
MARKDOWN_LENGTH_MAX = 12_000
SHOWN_NAME_LENGTH_MAX = 80
ICON_LENGTH_MAX = 3_000
CUSTOMIZE = "chat:write.customize"
UNFURL = "unfurl"
DRAFT_ERRORS = (
    NoText,
    TextTooLong,
    MarkdownConflict,
    InvalidBlocks,
    InvalidBlocksFormat,
    TooManyAttachments,
    InvalidMetadata,
    MetadataTooLarge,
)
_encode = msgspec.json.Encoder().encode


class ContentArguments(msgspec.Struct, kw_only=True):
    """What chat.postMessage and chat.update share."""

    text: str | None = None
    markdown_text: str | None = None
    blocks: Nested | None = None
    attachments: Nested | None = None
    metadata: Nested | None = None


class DraftArguments(ContentArguments, kw_only=True):
    """And how a new message is shown."""

    mrkdwn: bool = True
    unfurl_links: bool = True
    username: str = ""
    icon_emoji: str = ""
    icon_url: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    text: str
    extras: str | None


def draft_of(arguments: DraftArguments, bearer: Bearer) -> Draft:
    """Raises each of `DRAFT_ERRORS`."""
    carried = carried_of(arguments)
    text = checked_text(text_of(arguments) or "", "given" if carried.get("blocks") or carried.get("attachments") else None)
    extras = {name: value for name, value in carried.items() if value} | _presentation(arguments, bearer)
    return Draft(text, _encode(extras).decode() if extras else None)


def text_of(draft: ContentArguments) -> str | None:
    if draft.markdown_text is None:
        return draft.text
    if draft.text or draft.blocks:
        raise MarkdownConflict
    if len(draft.markdown_text) > MARKDOWN_LENGTH_MAX:
        raise TextTooLong
    return draft.markdown_text


def carried_of(draft: ContentArguments) -> dict[str, Any]:
    """What was given of blocks, attachments and metadata; empty where it was given empty."""
    carried: dict[str, Any] = {}
    if draft.blocks is not None:
        carried["blocks"] = checked_blocks(draft.blocks) if draft.blocks else []
    if draft.attachments is not None:
        carried["attachments"] = checked_attachments(draft.attachments) if draft.attachments else []
    if draft.metadata is not None:
        carried["metadata"] = checked_metadata(draft.metadata) if draft.metadata else {}
    return carried


def checked_blocks(blocks: Nested) -> list[dict[str, Any]]:
    """With ids for those that have none."""
    if not isinstance(blocks, list):
        raise InvalidBlocksFormat
    if len(_encode(blocks)) > BLOCKS_BYTES_MAX:
        raise BlocksTooLong
    if faults := faults_of(blocks):
        raise InvalidBlocks(*faults)
    return name_parts(blocks)


def checked_attachments(attachments: Nested) -> list[dict[str, Any]]:
    if not isinstance(attachments, list):
        raise InvalidArguments("must be an array of objects [json-pointer:/attachments]")
    if len(attachments) > ATTACHMENTS_MAX:
        raise TooManyAttachments
    if len(_encode(attachments)) > ATTACHMENTS_BYTES_MAX:
        raise AttachmentsTooLarge
    if faults := attachment_faults(attachments):
        raise InvalidArguments(*faults)
    if faults := nested_faults(attachments):
        raise InvalidBlocks(*faults)
    return numbered(attachments)


def checked_metadata(metadata: Nested) -> dict[str, Any]:
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_type"), str) or not metadata["event_type"]:
        raise InvalidMetadata
    if not isinstance(metadata.get("event_payload", {}), dict):
        raise InvalidMetadata
    if len(_encode(metadata)) > METADATA_BYTES_MAX:
        raise MetadataTooLarge
    return metadata


def _presentation(arguments: DraftArguments, bearer: Bearer) -> dict[str, Any]:
    """An app is shown by a name and a picture of its choice where its token lets it; else what it wants is passed over."""
    shown: dict[str, Any] = {}
    if arguments.mrkdwn is False:
        shown["mrkdwn"] = False
    if arguments.unfurl_links is False:
        shown[PRIVATE] = {UNFURL: False}
    wanted = arguments.username or arguments.icon_emoji or arguments.icon_url
    if wanted and bearer.bot_id is not None and CUSTOMIZE in bearer.scopes:
        shown |= {"subtype": "bot_message", "username": arguments.username[:SHOWN_NAME_LENGTH_MAX] or bearer.user_name}
        icons = {"emoji": arguments.icon_emoji[:ICON_LENGTH_MAX], "image_48": arguments.icon_url[:ICON_LENGTH_MAX]}
        if icons := {name: value for name, value in icons.items() if value}:
            shown["icons"] = icons
    return shown
