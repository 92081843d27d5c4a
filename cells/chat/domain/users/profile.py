"""What people say about themselves (https://api.slack.com/methods/users.profile.set). Pure; kept as one JSON object a user."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cells.chat.domain.users.errors import InvalidProfile, ProfileTooLong

LENGTHS = {
    "title": 100,
    "phone": 50,
    "skype": 50,
    "pronouns": 50,
    "start_date": 10,
    "first_name": 80,
    "last_name": 80,
    "real_name": 80,
    "display_name": 80,
    "status_text": 100,
    "status_emoji": 100,
}
"""In characters. Other names are ignored, as Slack does; an address is changed by an administrator."""
FIELDS_MAX = 50
FIELD_LENGTH_MAX = 256
EXPIRATION_S_MAX = 10**11
NO_STATUS = {"status_text": "", "status_emoji": "", "status_expiration": 0}
EMOJI = ":speech_balloon:"
"""What stands beside a status without an emoji."""
_EMOJI = re.compile(r"(?::[\w+'&.-]{1,90}:(?::skin-tone-[2-6]:)?)?")


def checked_profile(given: object) -> dict[str, Any]:
    """The part of a profile that is to be changed."""
    if not isinstance(given, Mapping):
        raise InvalidProfile("a profile is a JSON object")
    changes: dict[str, Any] = {name: _checked_text(name, given[name]) for name in LENGTHS if name in given}
    if not _EMOJI.fullmatch(changes.get("status_emoji", "")):
        raise InvalidProfile("status_emoji is a name between colons")
    if not changes.get("real_name", "-"):
        raise InvalidProfile("a name has at least one character")
    if "status_expiration" in given:
        changes["status_expiration"] = _checked_expiration(given["status_expiration"])
    if given.get("fields"):
        changes["fields"] = _checked_fields(given["fields"])
    return changes


def changed(profile: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A new status ends when it says so, not when the one before would have."""
    after = {**profile, **changes, "fields": {**profile.get("fields", {}), **changes.get("fields", {})}}
    if {"status_text", "status_emoji"} & changes.keys():
        after.setdefault("status_text", "")
        after["status_expiration"] = changes.get("status_expiration", 0)
        if after["status_text"] and not after.get("status_emoji"):
            after["status_emoji"] = EMOJI
    return after


def profile_at(stored: str, now_us: int | None) -> dict[str, Any]:
    """As it is shown at `now_us`: a status that has expired is none. None: as it was stored."""
    profile: dict[str, Any] = msgspec.json.decode(stored)
    ends_s = profile.get("status_expiration", 0)
    if now_us is not None and 0 < ends_s <= now_us // 1_000_000:
        return profile | NO_STATUS
    return profile


def _checked_text(name: str, value: object) -> str:
    text = "" if value is None else value
    if not isinstance(text, str) or "\x00" in text:
        raise InvalidProfile(f"{name} is text")
    if len(text) > LENGTHS[name]:
        raise ProfileTooLong(f"{name} has at most {LENGTHS[name]} characters")
    return text.strip()


def _checked_expiration(value: object) -> int:
    """Seconds since 1970; 0: never."""
    digits = value if isinstance(value, int) else int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else -1
    if isinstance(value, bool) or not 0 <= digits <= EXPIRATION_S_MAX:
        raise InvalidProfile("status_expiration is a time in seconds since 1970")
    return digits


def _checked_fields(value: object) -> dict[str, dict[str, str]]:
    if not isinstance(value, Mapping) or len(value) > FIELDS_MAX:
        raise InvalidProfile(f"fields are an object of at most {FIELDS_MAX}")
    return {_short(name): _checked_field(field) for name, field in value.items()}


def _checked_field(value: object) -> dict[str, str]:
    field = value if isinstance(value, Mapping) else {"value": value}
    return {"value": _short(field.get("value") or ""), "alt": _short(field.get("alt") or "")}


def _short(value: object) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise InvalidProfile("fields hold text")
    if len(value) > FIELD_LENGTH_MAX:
        raise ProfileTooLong(f"a field has at most {FIELD_LENGTH_MAX} characters")
    return value
