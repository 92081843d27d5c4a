"""Changing what is said about a user."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from cells.chat.domain.users.profile import changed, profile_at
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.service import require_user
from cells.chat.domain.users.status import plan_end
from cells.chat.domain.users.telling import tell_changed
from cells.chat.domain.users.user import User
from cells.runtime.log import Transaction
from chassis.identity import UserId


@dataclass(frozen=True, slots=True)
class ChangeProfile:
    """Stored and announced to everyone."""

    user_id: UserId
    changes: Mapping[str, Any]
    """Of `checked_profile`."""

    async def apply(self, tx: Transaction) -> User:
        user = await require_user(tx.connection, tx.scope, self.user_id)
        now_us = tx.next_ts_us()
        before = profile_at(user.profile, None)
        profile = changed(profile_at(user.profile, now_us), self.changes)
        real_name = profile.pop("real_name", None) or _joined(self.changes, profile) or user.real_name
        user = replace(user, real_name=real_name, profile=msgspec.json.encode(profile).decode(), updated_us=now_us)
        await Users(tx.connection, tx.scope).change_profile(user)
        await plan_end(tx, user.user_id, before, profile)
        await tell_changed(tx, user)
        return user


def _joined(changes: Mapping[str, Any], profile: Mapping[str, Any]) -> str:
    """First and last name together, where one of them was given."""
    if not {"first_name", "last_name"} & changes.keys():
        return ""
    return f"{profile.get('first_name', '')} {profile.get('last_name', '')}".strip()
