"""chat.unfurl: previews that an app gives for links in a message."""

from typing import Any

import msgspec

from cells.chat.domain.blocks.attachments import attachment_faults, nested_faults
from cells.chat.domain.messages.errors import CannotFindChannel, CannotFindMessage, CannotUnfurlUrl
from cells.chat.domain.messages.unfurling import Unfurl
from cells.chat.domain.timestamps import read_ts
from cells.chat.slack.arguments import Nested
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.drafts import ATTACHMENTS_BYTES_MAX
from cells.chat.slack.errors import (
    CannotParseAttachment,
    InvalidSource,
    InvalidUnfurlId,
    InvalidUnfurlsFormat,
    MissingChannel,
    MissingSource,
    MissingTs,
    MissingUnfurlId,
    MissingUnfurls,
)
from cells.chat.slack.registry import Method, Tier

UNFURLS_MAX = 20
SOURCES = ("composer", "conversations_history")


class UnfurlArguments(msgspec.Struct):
    channel: str = ""
    ts: str = ""
    unfurls: Nested | None = None
    unfurl_id: str = ""
    source: str = ""


async def unfurl(call: Call[UnfurlArguments]) -> Answer:
    arguments = call.arguments
    if arguments.unfurl_id or arguments.source:
        _refuse_source(arguments)
    ts_us = _message(arguments)
    unfurls = _checked(arguments.unfurls)
    await call.tenant.commit(Unfurl(arguments.channel, ts_us, call.bearer.user_id, call.bearer.app_id, unfurls))
    return {}


def _message(arguments: UnfurlArguments) -> int:
    if not arguments.channel:
        raise MissingChannel
    if not arguments.ts:
        raise MissingTs
    ts_us = read_ts(arguments.ts)
    if ts_us is None:
        raise CannotFindMessage
    return ts_us


def _refuse_source(arguments: UnfurlArguments) -> None:
    """Links in a text that is being written are not told to apps, so no id of such is right."""
    if not arguments.source:
        raise MissingSource
    if not arguments.unfurl_id:
        raise MissingUnfurlId
    if arguments.source not in SOURCES:
        raise InvalidSource
    raise InvalidUnfurlId


def _checked(unfurls: Nested | None) -> dict[str, dict[str, Any]]:
    if unfurls is None:
        raise MissingUnfurls
    if not isinstance(unfurls, dict) or not 0 < len(unfurls) <= UNFURLS_MAX or not all(unfurls):
        raise InvalidUnfurlsFormat
    attachments = list(unfurls.values())
    if attachment_faults(attachments) or nested_faults(attachments):
        raise CannotParseAttachment
    if len(msgspec.json.encode(attachments)) > ATTACHMENTS_BYTES_MAX:
        raise CannotParseAttachment
    return unfurls


_ERRORS = (
    MissingChannel,
    MissingTs,
    MissingUnfurls,
    InvalidUnfurlsFormat,
    CannotParseAttachment,
    CannotFindChannel,
    CannotFindMessage,
    CannotUnfurlUrl,
    MissingSource,
    MissingUnfurlId,
    InvalidSource,
    InvalidUnfurlId,
)
METHODS = (Method("chat.unfurl", unfurl, Tier.THREE, UnfurlArguments, ("links:write",), _ERRORS),)
