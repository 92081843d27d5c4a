"""users.json: people and bots, as they are stored here."""

import re
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from cells.chat.domain.imports.standing import Note
from cells.chat.domain.roles.role import Role
from cells.chat.domain.users.profile import FIELD_LENGTH_MAX, FIELDS_MAX, LENGTHS
from cells.chat.domain.users.service import EMAIL_LENGTH_MAX, NAME_LENGTH_MAX
from cells.chat.domain.users.user import User
from cells.chat.exchange.elements import Unreadable, object_of
from chassis.identity import AppId, BotId, UserId

USER_ID = re.compile(r"[UW][A-Z0-9]{4,30}")
SLACKBOT = "USLACKBOT"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_EMOJI = re.compile(r"(?::[\w+'&.-]{1,90}:(?::skin-tone-[2-6]:)?)?")


def past_user(item: bytes, place: str) -> User | Note:
    """Times are those of the export where it has them; 0: when it is stored."""
    try:
        given = object_of(item)
    except Unreadable as error:
        return Note("user", place, str(error))
    user_id = _text(given, "id")
    if not USER_ID.fullmatch(user_id):
        return Note("user", place, f"{user_id[:40]!r} is no user's id")
    return _user(user_id, given)


def missing_user(user_id: str, shown: dict[str, Any] | None = None) -> User:
    """Somebody who is spoken of and not in users.json: kept as one who is gone. `shown` is a message's `user_profile`."""
    if user_id == SLACKBOT:
        return replace(_user(user_id, {"name": "slackbot", "real_name": "Slackbot"}), role=Role.BOT)
    known = shown or {}
    name = _text(known, "name") or _text(known, "display_name") or user_id.lower()
    given = {"name": name, "real_name": _text(known, "real_name") or name, "deleted": True, "profile": known}
    return _user(user_id, given)


def _user(user_id: str, given: dict[str, Any]) -> User:
    profile = given["profile"] if isinstance(given.get("profile"), dict) else {}
    name = (_text(given, "name") or user_id.lower())[:NAME_LENGTH_MAX]
    updated_us = int(given["updated"]) * 1_000_000 if isinstance(given.get("updated"), int) and given["updated"] < 10**11 else 0
    return User(
        user_id=UserId(user_id),
        name=name,
        real_name=(_text(given, "real_name") or _text(profile, "real_name") or name)[:NAME_LENGTH_MAX],
        email=_email(_text(profile, "email")),
        bot_id=BotId(_text(profile, "bot_id")) or None,
        app_id=AppId(_text(profile, "api_app_id")) or None,
        role=_role(given),
        deleted=bool(given.get("deleted")),
        created_us=updated_us,
        updated_us=updated_us,
        profile=msgspec.json.encode(_profile(profile)).decode(),
    )


def _role(given: dict[str, Any]) -> Role:
    """The founder here stays the one primary owner."""
    flags = (
        ("is_bot", Role.BOT),
        ("is_primary_owner", Role.OWNER),
        ("is_owner", Role.OWNER),
        ("is_admin", Role.ADMIN),
        ("is_ultra_restricted", Role.SINGLE_GUEST),
        ("is_restricted", Role.GUEST),
    )
    return next((role for flag, role in flags if given.get(flag) is True), Role.MEMBER)


def _profile(given: dict[str, Any]) -> dict[str, Any]:
    """What people may say about themselves here, cut to what fits; pictures stay with Slack."""
    kept: dict[str, Any] = {name: given[name][:most] for name, most in LENGTHS.items() if isinstance(given.get(name), str) and given[name]}
    kept.pop("real_name", None)
    if not _EMOJI.fullmatch(kept.get("status_emoji", "")):
        del kept["status_emoji"]
    if isinstance(given.get("status_expiration"), int) and kept.get("status_text"):
        kept["status_expiration"] = max(0, min(given["status_expiration"], 10**11))
    fields = given["fields"] if isinstance(given.get("fields"), dict) else {}
    told = {name[:FIELD_LENGTH_MAX]: _field(field) for name, field in list(fields.items())[:FIELDS_MAX] if isinstance(field, dict)}
    return kept | ({"fields": told} if told else {})


def _field(given: dict[str, Any]) -> dict[str, str]:
    return {"value": _text(given, "value")[:FIELD_LENGTH_MAX], "alt": _text(given, "alt")[:FIELD_LENGTH_MAX]}


def _email(text: str) -> str | None:
    return text if len(text) <= EMAIL_LENGTH_MAX and _EMAIL.fullmatch(text) else None


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Names:
    """Names that are free: one user has each."""

    taken: set[str]

    def free(self, wish: str) -> str:
        name, number = wish, 2
        while name in self.taken:
            name, number = f"{wish[: NAME_LENGTH_MAX - 8]}{number}", number + 1
        self.taken.add(name)
        return name
