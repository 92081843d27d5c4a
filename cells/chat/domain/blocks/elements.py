"""Interactive elements (https://api.slack.com/reference/block-kit/block-elements), and where each may stand."""

from cells.chat.domain.blocks.checking import Check, anything, array, boolean, integer, mapping, string
from cells.chat.domain.blocks.compositions import (
    CONFIRM,
    DATE,
    DISPATCH,
    FILTER,
    ID,
    IMAGE,
    OPTION,
    OPTION_GROUPS,
    OPTIONS,
    TEN_DIGITS,
    TIME,
    URL,
    WORKFLOW,
    plain,
)

_STYLE = string(7, choices=("primary", "danger"))
_ANY = {"action_id": ID, "confirm": CONFIRM, "focus_on_load": boolean, "placeholder": plain(150)}
_FEW = array(OPTION, 10, 1)
_NAME = string(255, 1)
_NAMES = array(_NAME, 100)


def _element(*required: str, **fields: Check) -> Check:
    return mapping({**_ANY, **fields}, *required)


def _select(kind: str, *required: str, **fields: Check) -> dict[str, Check]:
    """One to choose, and the same with several."""
    several = {f"{name}s": array(check, 100) for name, check in fields.items() if name.startswith("initial_")}
    both = {name: check for name, check in fields.items() if not name.startswith("initial_")}
    return {
        f"{kind}_select": _element(*required, **fields),
        f"multi_{kind}_select": _element(*required, **both, **several, max_selected_items=integer(1, 100)),
    }


SELECTS: dict[str, Check] = {
    **_select("static", "options|option_groups", options=OPTIONS, option_groups=OPTION_GROUPS, initial_option=OPTION),
    **_select("external", min_query_length=integer(0, 255), initial_option=OPTION),
    **_select("users", initial_user=_NAME),
    **_select(
        "conversations",
        initial_conversation=_NAME,
        default_to_current_conversation=boolean,
        response_url_enabled=boolean,
        filter=FILTER,
    ),
    **_select("channels", initial_channel=_NAME, response_url_enabled=boolean),
}
BUTTON = _element("text", text=plain(75), url=URL, value=string(2_000), style=_STYLE, accessibility_label=string(75))
PICKERS: dict[str, Check] = {
    "datepicker": _element(initial_date=DATE),
    "datetimepicker": _element(initial_date_time=TEN_DIGITS),
    "timepicker": _element(initial_time=TIME, timezone=string(100)),
    "checkboxes": _element("options", options=_FEW, initial_options=_FEW),
    "radio_buttons": _element("options", options=_FEW, initial_option=OPTION),
}
_TYPED = {"dispatch_action_config": DISPATCH}
INPUTS: dict[str, Check] = {
    "plain_text_input": _element(
        initial_value=string(3_000), multiline=boolean, min_length=integer(0, 3_000), max_length=integer(1, 3_000), **_TYPED
    ),
    "email_text_input": _element(initial_value=string(3_000), **_TYPED),
    "url_text_input": _element(initial_value=string(3_000), **_TYPED),
    "number_input": _element(
        "is_decimal_allowed",
        is_decimal_allowed=boolean,
        initial_value=string(100),
        min_value=string(100),
        max_value=string(100),
        **_TYPED,
    ),
    "rich_text_input": _element(initial_value=anything, **_TYPED),
    "file_input": _element(filetypes=array(string(50, 1), 100), max_files=integer(1, 10)),
}
_PRESSED = mapping({"text": plain(75), "value": string(2_000, 1), "accessibility_label": string(75)}, "text", "value")
FEEDBACK = _element("positive_button", "negative_button", positive_button=_PRESSED, negative_button=_PRESSED)
ICON = _element("icon", "text", icon=string(50, 1), text=plain(75), value=string(2_000), visible_to_user_ids=_NAMES)
OVERFLOW = _element("options", options=array(OPTION, 5, 1))
WORKFLOW_BUTTON = _element("text", "workflow", text=plain(75), workflow=WORKFLOW, style=_STYLE, accessibility_label=string(75))

IN_ACTIONS = {"button": BUTTON, "overflow": OVERFLOW, "workflow_button": WORKFLOW_BUTTON, **PICKERS, **SELECTS}
IN_ACTIONS |= {name: INPUTS[name] for name in ("plain_text_input", "rich_text_input")}
IN_SECTION = {**IN_ACTIONS, "image": IMAGE}
IN_INPUT = {**PICKERS, **SELECTS, **INPUTS}
IN_CONTEXT = {"image": IMAGE, **{kind: mapping({"text": string(3_000, 1)}, "text") for kind in ("plain_text", "mrkdwn")}}
IN_CONTEXT_ACTIONS = {"feedback_buttons": FEEDBACK, "icon_button": ICON}
INTERACTIVE = frozenset((*IN_ACTIONS, *IN_INPUT, *IN_CONTEXT_ACTIONS))
"""Those that have an `action_id`; one is made where none was given."""
