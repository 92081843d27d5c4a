"""`presence_sub` and `presence_query`: whose presence a socket hears of (https://api.slack.com/docs/presence-and-status)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cells.chat.domain.payloads import payload_of
from cells.chat.domain.presence.events import batch_group_of, group_of, presence_list
from cells.chat.domain.presence.keeper import Presences
from cells.runtime.workload import Admitted, Effect, Following, Tenant

IDS_MAX = 500
_USER = re.compile(r"[UW][0-9A-Z]{2,30}")


async def on_presence_sub(presences: Presences, tenant: Tenant, session: Admitted, frame: Mapping[str, Any]) -> Sequence[Effect]:
    """The whole list each time; the socket is told at once how things stand."""
    ids = _ids(frame)
    if ids is None:
        return (_refused(frame),)

    async def tell() -> Sequence[str]:
        return await _presence_now(presences, tenant, ids)

    group = batch_group_of if session.facts.get("batches") else group_of
    return (Following(frozenset(map(group, ids)), tell),)


async def on_presence_query(presences: Presences, tenant: Tenant, frame: Mapping[str, Any]) -> Sequence[Effect]:
    ids = _ids(frame)
    return (_refused(frame),) if ids is None else await _presence_now(presences, tenant, ids)


async def _presence_now(presences: Presences, tenant: Tenant, ids: Sequence[str]) -> Sequence[str]:
    """With Redis away nothing is said."""
    shown = await presences.shown(tenant, ids) if ids else None
    return presence_list(shown) if shown is not None else ()


def _ids(frame: Mapping[str, Any]) -> list[str] | None:
    """None where they are no list, or more than 500. What is no user's id is left out."""
    ids = frame.get("ids")
    if not isinstance(ids, list) or len(ids) > IDS_MAX:
        return None
    return [user_id for user_id in dict.fromkeys(map(str, ids)) if _USER.fullmatch(user_id)]


def _refused(frame: Mapping[str, Any]) -> str:
    ids = frame.get("ids")
    word = "too_many_ids" if isinstance(ids, list) else "invalid_ids"
    answer = {"ok": False, "error": {"code": 2, "msg": word}}
    return payload_of({**answer, "reply_to": frame["id"]} if "id" in frame else answer)
