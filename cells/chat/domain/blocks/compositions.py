"""The small objects that elements and blocks are made of (https://api.slack.com/reference/block-kit/composition-objects)."""

from cells.chat.domain.blocks.checking import Check, array, boolean, integer, kinds, mapping, string

ID = string(255, 1)
URL = string(3_000, 1)
ANY_ID = string(255, 1, shape=r"[A-Za-z0-9_-]+")
DATE = string(10, 10, shape=r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
TIME = string(5, 5, shape=r"[0-9]{2}:[0-9]{2}")


def plain(most: int) -> Check:
    return kinds({"plain_text": _text(most)})


def text(most: int) -> Check:
    """Plain or mrkdwn."""
    return kinds({"plain_text": _text(most), "mrkdwn": _text(most)})


def _text(most: int) -> Check:
    return mapping({"text": string(most, 1), "emoji": boolean, "verbatim": boolean}, "text")


OPTION = mapping({"text": text(75), "value": string(150, 1), "description": text(75), "url": URL}, "text", "value")
OPTIONS = array(OPTION, 100, 1)
OPTION_GROUPS = array(mapping({"label": plain(75), "options": OPTIONS}, "label", "options"), 100, 1)
CONFIRM = mapping(
    {
        "title": plain(100),
        "text": text(300),
        "confirm": plain(30),
        "deny": plain(30),
        "style": string(7, choices=("primary", "danger")),
    },
    "title",
    "text",
)
FILTER = mapping(
    {
        "include": array(string(20, choices=("im", "mpim", "private", "public")), 4, 1),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    }
)
DISPATCH = mapping({"trigger_actions_on": array(string(40, choices=("on_enter_pressed", "on_character_entered")), 2, 1)})
SLACK_FILE = mapping({"id": ANY_ID, "url": URL}, "id|url")
WORKFLOW = mapping(
    {"trigger": mapping({"url": URL, "customizable_input_parameters": array(mapping({"name": string(255, 1)}, "name"), 50)}, "url")},
    "trigger",
)
IMAGE = mapping({"image_url": URL, "slack_file": SLACK_FILE, "alt_text": string(2_000, 1)}, "image_url|slack_file", "alt_text")
TEN_DIGITS = integer(1_000_000_000, 9_999_999_999)
