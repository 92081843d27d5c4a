"""A status that ends by itself: cleared and announced when its time comes, once, whichever worker does it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from cells.chat.domain.users.profile import NO_STATUS, profile_at
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.telling import tell_changed
from cells.runtime.jobs import drop_due, plan_due
from cells.runtime.log import Transaction

STATUS_ENDS = "status"
"""The name of this work; its keys are users' ids."""
SECOND_US = 1_000_000


async def plan_end(tx: Transaction, user_id: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Keep the time of the clearing in step with a profile that changes."""
    old_s, new_s = before.get("status_expiration", 0), after.get("status_expiration", 0)
    if new_s == old_s:
        return
    if new_s:
        await plan_due(tx, STATUS_ENDS, user_id, new_s * SECOND_US)
    else:
        await drop_due(tx, STATUS_ENDS, user_id)


async def end_status(tx: Transaction, user_id: str) -> None:
    """A `DueHandle`. Clears the status and says so to everyone. Whoever changes it before changes the time of this work too."""
    users = Users(tx.connection, tx.scope)
    user = await users.get(user_id)
    stored = profile_at(user.profile, None) if user is not None else {}
    if user is None or not stored.get("status_expiration"):
        return
    now_us = tx.next_ts_us()
    user = replace(user, profile=msgspec.json.encode(stored | NO_STATUS).decode(), updated_us=now_us)
    await users.change_profile(user)
    await tell_changed(tx, user)
