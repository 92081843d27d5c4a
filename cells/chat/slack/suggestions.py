"""search.autocomplete: how the question that is being typed may go on. Slack's clients have such a call; it is documented nowhere.

Suggested are modifiers, people and conversations that the asker sees; never words, which would tell of what was said elsewhere.
"""

from typing import Any

import msgspec

from cells.chat.domain.searching.sight_repository import Sight
from cells.chat.slack.call import Answer, Call

MODIFIERS = ("from:", "in:", "with:", "before:", "after:", "on:", "during:", "has:", "is:thread")
ENDINGS = {
    "has:": ("has:link", "has:file", "has:reaction", "has:pin"),
    "is:": ("is:thread",),
    "before:": ("before:today", "before:yesterday"),
    "after:": ("after:yesterday", "after:week"),
    "on:": ("on:today", "on:yesterday"),
    "during:": ("during:week", "during:month"),
}
PEOPLE_AFTER, PLACES_AFTER = ("from:", "with:"), ("in:",)
SUGGESTIONS_DEFAULT, SUGGESTIONS_MAX = 10, 20
STEM_LENGTH_MAX = 80


class AutocompleteArguments(msgspec.Struct):
    query: str = ""
    count: int | None = None


def sees_public(call: Call[Any]) -> bool:
    """Guests and bots find what they were invited to."""
    return call.bearer.bot_id is None and not call.bearer.role.is_guest


async def autocomplete(call: Call[AutocompleteArguments]) -> Answer:
    """Ways to go on with the last word of `query`: each with the text that takes its place."""
    count = call.arguments.count or SUGGESTIONS_DEFAULT
    typed = call.arguments.query.rpartition(" ")[2][:STEM_LENGTH_MAX]
    sign = "-" if typed.startswith("-") else ""
    modifier, colon, stem = typed.removeprefix("-").partition(":")
    before = f"{modifier.lower()}:" if colon else ""
    found = _words(before, stem if colon else modifier)
    async with call.tenant.reading() as connection:
        found += await _named(call, Sight(connection, call.tenant.scope), before, stem if colon else modifier)
    shown = [{**suggestion, "text": sign + suggestion["text"]} for suggestion in found]
    return {"query": call.arguments.query, "suggestions": shown[: max(1, min(count, SUGGESTIONS_MAX))]}


def _words(before: str, stem: str) -> list[Answer]:
    choices = [word for word in ENDINGS.get(before, ()) if word.startswith(before + stem.lower())] if before else []
    if not before and stem:
        choices = [word for word in MODIFIERS if word.startswith(stem.lower())]
    return [{"type": "modifier", "text": word} for word in choices]


async def _named(call: Call[AutocompleteArguments], sight: Sight, before: str, stem: str) -> list[Answer]:
    """People after `from:` and `@`, conversations after `in:` and `#`, both where nothing says which."""
    bare = stem.lstrip("@#")
    people = before in (*PEOPLE_AFTER, *PLACES_AFTER) or (not before and bool(stem))
    places = before in PLACES_AFTER or (not before and bool(stem))
    found: list[Answer] = []
    if places and not stem.startswith("@"):
        seen = await sight.channels(call.bearer.user_id, sees_public=sees_public(call))
        channels = await sight.channels_beginning(bare, seen, SUGGESTIONS_MAX)
        found += [{"type": "channel", "id": id_, "name": name, "text": f"{before or 'in:'}#{name}"} for id_, name in channels]
    if people and not stem.startswith("#"):
        users = await sight.users_beginning(bare, SUGGESTIONS_MAX)
        text = before or "from:"
        found += [{"type": "user", "id": i, "name": name, "real_name": real, "text": f"{text}@{name}"} for i, name, real in users]
    return found
