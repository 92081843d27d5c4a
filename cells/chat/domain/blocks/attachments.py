"""Attachments (https://api.slack.com/reference/messaging/attachments): the older way to say more, and what may hold blocks."""

from typing import Any

from cells.chat.domain.blocks.checking import Faults, anything, array, boolean, integer, mapping, string
from cells.chat.domain.blocks.compositions import URL
from cells.chat.domain.blocks.kit import faults_of, name_parts

ATTACHMENTS_MAX = 100
_TEXT, _LINE = string(40_000), string(3_000)
_FIELD = mapping({"title": anything, "value": anything, "short": anything})
_ACTION = mapping({"type": string(20), "text": _LINE, "name": _LINE, "value": string(2_000), "url": URL, "options": array(anything, 100)})
_LINES = ("fallback", "pretext", "author_name", "title", "footer", "callback_id", "color")
ATTACHMENT = mapping(
    {
        "text": _TEXT,
        **dict.fromkeys(_LINES, _LINE),
        "fields": array(_FIELD, 100),
        "actions": array(_ACTION, 5),
        "mrkdwn_in": array(string(20), 20),
        "id": integer(0, 1_000_000),
        "is_app_unfurl": boolean,
    }
)


def attachment_faults(attachments: list[Any]) -> list[str]:
    """Of everything but their blocks."""
    faults = Faults()
    for place, attachment in enumerate(attachments):
        ATTACHMENT(attachment, f"/attachments/{place}", faults)
    return faults.found


def nested_faults(attachments: list[dict[str, Any]]) -> list[str]:
    """Of the blocks that they hold."""
    found = (faults_of(one["blocks"], f"/attachments/{place}/blocks") for place, one in enumerate(attachments) if one.get("blocks"))
    return [fault for faults in found for fault in faults]


def numbered(attachments: list[dict[str, Any]], first: int = 1) -> list[dict[str, Any]]:
    """Numbered as Slack numbers them; blocks within get their ids."""
    for attachment in attachments:
        if attachment.get("blocks"):
            name_parts(attachment["blocks"])
    return [{**attachment, "id": number} for number, attachment in enumerate(attachments, first)]
