"""The blocks of a message (https://api.slack.com/reference/block-kit/blocks), each with its limits."""

import secrets
from collections.abc import Iterator
from typing import Any

from cells.chat.domain.blocks.checking import Check, Faults, anything, array, boolean, kinds, mapping, string
from cells.chat.domain.blocks.compositions import ID, IMAGE, URL, plain, text
from cells.chat.domain.blocks.elements import IN_ACTIONS, IN_CONTEXT, IN_CONTEXT_ACTIONS, IN_INPUT, IN_SECTION, INTERACTIVE
from cells.chat.domain.blocks.rich_text import RICH_TEXT

BLOCKS_MAX = 50
MARKDOWN_LENGTH_MAX = 12_000
"""Of all markdown blocks of a message together."""
TABLES_MAX = 1
ROWS_MAX, CELLS_MAX = 100, 20


def _block(*required: str, **fields: Check) -> Check:
    return mapping({"block_id": ID, **fields}, *required)


def _all(*checks: Check) -> Check:
    def check(value: Any, pointer: str, faults: Faults) -> None:
        for each in checks:
            each(value, pointer, faults)

    return check


def _or_null(check: Check) -> Check:
    return lambda value, pointer, faults: None if value is None else check(value, pointer, faults)


_CELL = kinds({"raw_text": mapping({"text": string(3_000)}, "text"), "rich_text": RICH_TEXT})
_COLUMN = mapping({"align": string(6, choices=("left", "center", "right")), "is_wrapped": boolean})
BLOCK = kinds(
    {
        "section": _block("text|fields", text=text(3_000), fields=array(text(2_000), 10, 1), accessory=kinds(IN_SECTION), expand=boolean),
        "divider": _block(),
        "image": _all(IMAGE, _block(title=plain(2_000))),
        "actions": _block("elements", elements=array(kinds(IN_ACTIONS), 25, 1)),
        "context": _block("elements", elements=array(kinds(IN_CONTEXT), 10, 1)),
        "context_actions": _block("elements", elements=array(kinds(IN_CONTEXT_ACTIONS), 5, 1)),
        "header": _block("text", text=plain(150)),
        "input": _block(
            "label", "element", label=plain(2_000), element=kinds(IN_INPUT), hint=plain(2_000), optional=boolean, dispatch_action=boolean
        ),
        "file": _block("external_id", "source", external_id=ID, source=string(20, choices=("remote",))),
        "rich_text": _all(_block(), RICH_TEXT),
        "video": _block(
            "alt_text",
            "title",
            "thumbnail_url",
            "video_url",
            alt_text=string(2_000, 1),
            title=plain(200),
            title_url=URL,
            thumbnail_url=URL,
            video_url=URL,
            author_name=string(50),
            description=plain(200),
            provider_name=string(255),
            provider_icon_url=URL,
        ),
        "markdown": _block("text", text=string(MARKDOWN_LENGTH_MAX, 1)),
        "table": _block("rows", rows=array(array(_CELL, CELLS_MAX), ROWS_MAX, 1), column_settings=array(_or_null(_COLUMN), CELLS_MAX)),
        "task_card": _block("task_id", "title", task_id=ID, title=string(3_000, 1), status=string(20), sources=array(anything, 20)),
        "plan": _block("title", title=string(3_000, 1), tasks=array(anything, 50)),
    }
)
_BLOCKS = array(BLOCK, BLOCKS_MAX)


def faults_of(blocks: Any, pointer: str = "/blocks") -> list[str]:
    """What is wrong with a message's blocks, each with the JSON pointer of the part; empty where they are right."""
    faults = Faults()
    _BLOCKS(blocks, pointer, faults)
    if not faults.found:
        _check_together(blocks, pointer, faults)
    return faults.found


def name_parts(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give ids, in place, to what has none: a click must name its block and element."""
    for block in blocks:
        if not block.get("block_id"):
            block["block_id"] = _fresh_id()
        for element in _interactive(block):
            if not element.get("action_id"):
                element["action_id"] = _fresh_id()
    return blocks


def _check_together(blocks: list[dict[str, Any]], pointer: str, faults: Faults) -> None:
    seen: set[str] = set()
    for place, block in enumerate(blocks):
        block_id = block.get("block_id")
        if block_id in seen:
            faults.add(f"{pointer}/{place}/block_id", f"block_id is used twice: {block_id}")
        if block_id is not None:
            seen.add(block_id)
        actions = [element["action_id"] for element in _interactive(block) if element.get("action_id")]
        if len(set(actions)) < len(actions):
            faults.add(f"{pointer}/{place}", "action_id is used twice in one block")
    if sum(len(block["text"]) for block in blocks if block["type"] == "markdown") > MARKDOWN_LENGTH_MAX:
        faults.add(pointer, f"markdown blocks must be less than {MARKDOWN_LENGTH_MAX + 1} characters together")
    if sum(block["type"] == "table" for block in blocks) > TABLES_MAX:
        faults.add(pointer, "only one table is allowed")


def _interactive(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    inside = block["elements"] if block["type"] in ("actions", "context_actions") else [block.get("accessory"), block.get("element")]
    return (part for part in inside if isinstance(part, dict) and part["type"] in INTERACTIVE)


def _fresh_id() -> str:
    return secrets.token_urlsafe(4)[:5]
