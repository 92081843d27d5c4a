"""A person's settings: a JSON object of plain values, known ones with a default (https://api.slack.com/events/pref_change)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.payloads import payload_of
from cells.chat.domain.prefs.errors import InvalidPref
from cells.chat.domain.prefs.repository import Prefs
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event, Transaction
from cells.runtime.tenancy import TenantScope
from chassis.identity import UserId

DEFAULTS: Mapping[str, Any] = {
    "highlight_words": "",
    "muted_channels": "",
    "all_notifications_prefs": '{"channels":{},"global":{}}',
    "emoji_mode": "default",
    "locale": "en-US",
    "display_real_names_override": 0,
    "push_everything": False,
    "time24": False,
    "user_colors": "",
}
NAMES_MAX = 200
NAME_LENGTH_MAX = 100
VALUE_BYTES_MAX = 16_384


async def prefs_of(connection: AsyncConnection, scope: TenantScope, user_id: str) -> dict[str, Any]:
    return {**DEFAULTS, **msgspec.json.decode(await Prefs(connection, scope).get(user_id))}


def checked_prefs(given: object) -> dict[str, Any]:
    """Raises InvalidPref for what is no object of plain values."""
    if not isinstance(given, Mapping) or not given or len(given) > NAMES_MAX:
        raise InvalidPref("prefs are a JSON object that is not empty")
    return {_checked_name(name): _checked_value(value) for name, value in given.items()}


@dataclass(frozen=True, slots=True)
class ChangePrefs:
    user_id: UserId
    changes: Mapping[str, Any]

    async def apply(self, tx: Transaction) -> dict[str, Any]:
        prefs = Prefs(tx.connection, tx.scope)
        stored = {**msgspec.json.decode(await prefs.get(self.user_id)), **self.changes}
        if len(stored) > NAMES_MAX:
            raise InvalidPref(f"at most {NAMES_MAX} settings are kept")
        await prefs.put(self.user_id, msgspec.json.encode(stored).decode())
        for name, value in self.changes.items():
            tx.append(_pref_changed(self.user_id, name, value, tx.next_ts_us()))
        return {**DEFAULTS, **stored}


def _pref_changed(user_id: str, name: str, value: Any, now_us: int) -> Event:
    payload = {"type": "pref_change", "name": name, "value": value, "event_ts": show_ts(now_us)}
    return Event("pref_change", (user_id,), payload_of(payload))


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        raise InvalidPref("a setting has a name")
    return name


def _checked_value(value: object) -> Any:
    plain = value is None or isinstance(value, str | int | float | bool)
    if not plain or (isinstance(value, str) and (len(value) > VALUE_BYTES_MAX or "\x00" in value)):
        raise InvalidPref(f"a setting is text of at most {VALUE_BYTES_MAX} characters, a number, or true or false")
    return value
