"""Block Kit's limits: each kind of block and element that a message may have, and for each limit the refusal that names the part."""

from typing import Any

import pytest

from cells.chat.domain.blocks.attachments import attachment_faults, nested_faults
from cells.chat.domain.blocks.elements import IN_ACTIONS, IN_INPUT, IN_SECTION
from cells.chat.domain.blocks.kit import faults_of, name_parts

Json = dict[str, Any]


def plain(text: str = "x") -> Json:
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str = "x") -> Json:
    return {"type": "mrkdwn", "text": text}


def option(value: str = "v", **more: Any) -> Json:
    return {"text": plain(), "value": value, **more}


def rich(*parts: Json, kind: str = "rich_text_section", **more: Any) -> Json:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": list(parts), **more}]}


URL = "https://x.example/a"
IMAGE: Json = {"type": "image", "image_url": URL, "alt_text": "a"}
BUTTON: Json = {"type": "button", "text": plain(), "value": "v", "style": "primary", "confirm": {"title": plain(), "text": mrkdwn()}}
PRESSED: Json = {"text": plain(), "value": "up"}
VIDEO: Json = {"type": "video", "title": plain(), "alt_text": "a", "thumbnail_url": URL, "video_url": URL}
SELECTS: list[Json] = [
    {"type": kind, **more}
    for many in ("", "multi_")
    for kind, more in (
        (f"{many}static_select", {"options": [option()], "placeholder": plain()}),
        (f"{many}external_select", {"min_query_length": 1}),
        (f"{many}users_select", {}),
        (f"{many}conversations_select", {"filter": {"include": ["im"]}}),
        (f"{many}channels_select", {}),
    )
]
PICKERS: list[Json] = [
    {"type": "datepicker", "initial_date": "2026-01-31"},
    {"type": "datetimepicker", "initial_date_time": 1_700_000_000},
    {"type": "timepicker", "initial_time": "23:59"},
    {"type": "checkboxes", "options": [option()]},
    {"type": "radio_buttons", "options": [option(description=plain())]},
]
INPUTS: list[Json] = [
    {"type": "plain_text_input", "multiline": True, "max_length": 3_000},
    {"type": "number_input", "is_decimal_allowed": False},
    {"type": "email_text_input"},
    {"type": "url_text_input"},
    {"type": "rich_text_input"},
    {"type": "file_input", "max_files": 10},
]
ACTIONS: list[Json] = [
    BUTTON,
    {"type": "overflow", "options": [option(url=URL)]},
    {"type": "workflow_button", "text": plain(), "workflow": {"trigger": {"url": URL}}},
    *PICKERS,
    *SELECTS,
    {"type": "plain_text_input"},
    {"type": "rich_text_input"},
]
INLINE: list[Json] = [
    {"type": "text", "text": "x", "style": {"bold": True}},
    {"type": "link", "url": URL},
    {"type": "user", "user_id": "U0123456789"},
    {"type": "usergroup", "usergroup_id": "S0123456789"},
    {"type": "team", "team_id": "T0123456789"},
    {"type": "channel", "channel_id": "C0123456789"},
    {"type": "emoji", "name": "wave"},
    {"type": "broadcast", "range": "here"},
    {"type": "color", "value": "#fff"},
    {"type": "date", "timestamp": 1, "format": "{date}"},
]
RIGHT: list[Json] = [
    {"type": "section", "text": mrkdwn("x" * 3_000), "block_id": "b", "unheard_of": 1},
    {"type": "section", "fields": [plain("x" * 2_000)] * 10},
    *({"type": "section", "text": mrkdwn(), "accessory": element} for element in (*ACTIONS, IMAGE)),
    {"type": "divider"},
    {**IMAGE, "title": plain()},
    {"type": "image", "slack_file": {"id": "F0123456789"}, "alt_text": "a", "title": None},
    {"type": "actions", "elements": ACTIONS},
    {"type": "context", "elements": [IMAGE, mrkdwn(), plain()]},
    {"type": "context_actions", "elements": [{"type": "feedback_buttons", "positive_button": PRESSED, "negative_button": PRESSED}]},
    {"type": "context_actions", "elements": [{"type": "icon_button", "icon": "trash", "text": plain()}]},
    {"type": "header", "text": plain("x" * 150)},
    *({"type": "input", "label": plain(), "element": element} for element in (*PICKERS, *SELECTS, *INPUTS)),
    {"type": "file", "external_id": "e", "source": "remote"},
    rich(*INLINE),
    rich({"type": "rich_text_section", "elements": INLINE}, kind="rich_text_list", style="ordered", indent=8),
    rich(*INLINE, kind="rich_text_quote", border=1),
    rich(INLINE[0], kind="rich_text_preformatted"),
    VIDEO,
    {"type": "markdown", "text": "# x"},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}, rich(INLINE[0])]], "column_settings": [None, {"align": "right"}]},
]


@pytest.mark.parametrize("block", RIGHT, ids=lambda block: block["type"])
def test_right(block: Json) -> None:
    assert faults_of([block]) == []


def test_every_element_is_shown() -> None:
    shown = {element["type"] for element in (*ACTIONS, *PICKERS, *SELECTS, *INPUTS, IMAGE)}
    assert shown == set(IN_ACTIONS) | set(IN_INPUT) | set(IN_SECTION)


def section(**accessory: Any) -> Json:
    return {"type": "section", "text": mrkdwn(), "accessory": accessory}


WRONG: list[tuple[Any, str]] = [
    ("x", "must be an array [json-pointer:/blocks]"),
    ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    ([7], "must be an object [json-pointer:/blocks/0]"),
    ([{}], "missing required field: type [json-pointer:/blocks/0]"),
    ([{"type": "divider"}, {"type": "none"}], "unsupported type: none [json-pointer:/blocks/1/type]"),
    ([{"type": ["x"]}], "unsupported type: ['x'] [json-pointer:/blocks/0/type]"),
    ([{"type": "divider", "block_id": "x" * 256}], "must be less than 256 characters [json-pointer:/blocks/0/block_id]"),
    ([{"type": "divider", "block_id": "x"}] * 2, "block_id is used twice: x [json-pointer:/blocks/1/block_id]"),
    ([{"type": "section"}], "missing required field: text or fields [json-pointer:/blocks/0]"),
    ([{"type": "section", "text": "x"}], "must be an object [json-pointer:/blocks/0/text]"),
    ([{"type": "section", "text": mrkdwn("")}], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ([{"type": "section", "text": mrkdwn("x" * 3_001)}], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    ([{"type": "section", "fields": [plain()] * 11}], "no more than 10 items allowed [json-pointer:/blocks/0/fields]"),
    ([{"type": "section", "fields": [plain("x" * 2_001)]}], "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"),
    ([section(**{**BUTTON, "text": mrkdwn()})], "unsupported type: mrkdwn [json-pointer:/blocks/0/accessory/text/type]"),
    ([section(**{**BUTTON, "text": plain("x" * 76)})], "must be less than 76 characters [json-pointer:/blocks/0/accessory/text/text]"),
    ([section(**{**BUTTON, "value": "x" * 2_001})], "must be less than 2001 characters [json-pointer:/blocks/0/accessory/value]"),
    ([section(**{**BUTTON, "style": "red"})], "must be one of: primary, danger [json-pointer:/blocks/0/accessory/style]"),
    ([section(**{**BUTTON, "action_id": "x" * 256})], "must be less than 256 characters [json-pointer:/blocks/0/accessory/action_id]"),
    ([section(type="static_select")], "missing required field: options or option_groups [json-pointer:/blocks/0/accessory]"),
    (
        [section(type="static_select", options=[option()] * 101)],
        "no more than 100 items allowed [json-pointer:/blocks/0/accessory/options]",
    ),
    (
        [section(type="overflow", options=[option("x" * 151)])],
        "must be less than 151 characters [json-pointer:/blocks/0/accessory/options/0/value]",
    ),
    ([section(type="datepicker", initial_date="1.1.26")], "must be more than 9 characters [json-pointer:/blocks/0/accessory/initial_date]"),
    ([section(type="datepicker", focus_on_load=1)], "must be a boolean [json-pointer:/blocks/0/accessory/focus_on_load]"),
    ([section(type="email_text_input")], "unsupported type: email_text_input [json-pointer:/blocks/0/accessory/type]"),
    ([{"type": "image", "image_url": URL}], "missing required field: alt_text [json-pointer:/blocks/0]"),
    ([{"type": "image", "alt_text": "a"}], "missing required field: image_url or slack_file [json-pointer:/blocks/0]"),
    ([{**IMAGE, "image_url": "x" * 3_001}], "must be less than 3001 characters [json-pointer:/blocks/0/image_url]"),
    ([{"type": "actions", "elements": []}], "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    ([{"type": "actions", "elements": [BUTTON] * 26}], "no more than 25 items allowed [json-pointer:/blocks/0/elements]"),
    (
        [{"type": "actions", "elements": [{**BUTTON, "action_id": "a"}] * 2}],
        "action_id is used twice in one block [json-pointer:/blocks/0]",
    ),
    ([{"type": "context", "elements": [mrkdwn()] * 11}], "no more than 10 items allowed [json-pointer:/blocks/0/elements]"),
    ([{"type": "context", "elements": [BUTTON]}], "unsupported type: button [json-pointer:/blocks/0/elements/0/type]"),
    ([{"type": "header", "text": plain("x" * 151)}], "must be less than 151 characters [json-pointer:/blocks/0/text/text]"),
    ([{"type": "header", "text": mrkdwn()}], "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"),
    ([{"type": "input", "label": plain()}], "missing required field: element [json-pointer:/blocks/0]"),
    (
        [{"type": "input", "label": plain(), "element": {"type": "file_input", "max_files": 11}}],
        "must be between 1 and 10 [json-pointer:/blocks/0/element/max_files]",
    ),
    ([{"type": "file", "external_id": "e"}], "missing required field: source [json-pointer:/blocks/0]"),
    ([rich({"type": "text"})], "missing required field: text [json-pointer:/blocks/0/elements/0/elements/0]"),
    ([rich({"type": "user", "user_id": "<b>"})], "must have the right format [json-pointer:/blocks/0/elements/0/elements/0/user_id]"),
    ([rich(kind="rich_text_list", style="x")], "must be one of: bullet, ordered [json-pointer:/blocks/0/elements/0/style]"),
    ([{**VIDEO, "title": plain("x" * 201)}], "must be less than 201 characters [json-pointer:/blocks/0/title/text]"),
    ([{**VIDEO, "author_name": "x" * 51}], "must be less than 51 characters [json-pointer:/blocks/0/author_name]"),
    ([{"type": "markdown", "text": "x" * 12_001}], "must be less than 12001 characters [json-pointer:/blocks/0/text]"),
    (
        [{"type": "markdown", "text": "x" * 7_000}] * 2,
        "markdown blocks must be less than 12001 characters together [json-pointer:/blocks]",
    ),
    ([{"type": "table", "rows": []}], "no fewer than 1 items allowed [json-pointer:/blocks/0/rows]"),
    ([{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}] * 2, "only one table is allowed [json-pointer:/blocks]"),
]


@pytest.mark.parametrize(("blocks", "fault"), WRONG, ids=[fault for _, fault in WRONG])
def test_wrong(blocks: Any, fault: str) -> None:
    assert fault in faults_of(blocks)


def test_faults_are_bounded() -> None:
    assert len(faults_of([{"type": "none"}] * 50)) == 10


def test_blocks_of_attachments() -> None:
    assert nested_faults([{"text": "x"}, {"blocks": [{"type": "none"}]}]) == [
        "unsupported type: none [json-pointer:/attachments/1/blocks/0/type]"
    ]
    assert attachment_faults([{"text": "x", "title": None, "fields": [{"title": 1, "short": True}]}]) == []
    assert attachment_faults(["x", {"fields": "x"}]) == [
        "must be an object [json-pointer:/attachments/0]",
        "must be an array [json-pointer:/attachments/1/fields]",
    ]


def test_what_can_be_clicked_has_a_name() -> None:
    [named] = name_parts([{"type": "actions", "elements": [{**BUTTON}, {**BUTTON, "action_id": "mine"}]}])
    assert named["block_id"] and named["elements"][0]["action_id"] and named["elements"][1]["action_id"] == "mine"
