"""Rich text (https://api.slack.com/reference/block-kit/blocks#rich_text): what Slack's own clients write."""

from cells.chat.domain.blocks.checking import anything, array, boolean, integer, kinds, mapping, string
from cells.chat.domain.blocks.compositions import ANY_ID, URL

PARTS_MAX = 1_000
_STYLE = mapping(dict.fromkeys(("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"), boolean))
_STYLED = {"style": _STYLE}
INLINE = kinds(
    {
        "text": mapping({"text": string(12_000), **_STYLED}, "text"),
        "link": mapping({"url": URL, "text": string(3_000), "unsafe": boolean, **_STYLED}, "url"),
        "user": mapping({"user_id": ANY_ID, **_STYLED}, "user_id"),
        "usergroup": mapping({"usergroup_id": ANY_ID, **_STYLED}, "usergroup_id"),
        "team": mapping({"team_id": ANY_ID, **_STYLED}, "team_id"),
        "channel": mapping({"channel_id": ANY_ID, **_STYLED}, "channel_id"),
        "emoji": mapping({"name": string(100, 1), "unicode": string(100), **_STYLED}, "name"),
        "broadcast": mapping({"range": string(8, choices=("here", "channel", "everyone")), **_STYLED}, "range"),
        "color": mapping({"value": string(30, 1)}, "value"),
        "date": mapping({"timestamp": anything, "format": string(300, 1), "url": URL, "fallback": string(300)}, "timestamp", "format"),
    }
)
_PARTS = array(INLINE, PARTS_MAX)
_BORDER = integer(0, 1)
_SECTION = mapping({"elements": _PARTS}, "elements")
_LIST = mapping(
    {
        "style": string(7, choices=("bullet", "ordered")),
        "elements": array(kinds({"rich_text_section": _SECTION}), PARTS_MAX),
        "indent": integer(0, 8),
        "offset": integer(0, 1_000_000),
        "border": _BORDER,
    },
    "style",
    "elements",
)
RICH_TEXT = mapping(
    {
        "elements": array(
            kinds(
                {
                    "rich_text_section": _SECTION,
                    "rich_text_list": _LIST,
                    "rich_text_preformatted": mapping({"elements": _PARTS, "border": _BORDER, "language": string(50)}, "elements"),
                    "rich_text_quote": mapping({"elements": _PARTS, "border": _BORDER}, "elements"),
                }
            ),
            PARTS_MAX,
        )
    },
    "elements",
)
