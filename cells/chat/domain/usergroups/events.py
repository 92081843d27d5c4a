"""A user group as Slack shows it (https://api.slack.com/types/usergroup), and what is announced about groups."""

from collections.abc import Sequence
from typing import Any

from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.chat.domain.usergroups.usergroup import UserGroup
from cells.runtime.log import EVERYONE, Event


def usergroup_face(group: UserGroup, team_id: str) -> dict[str, Any]:
    """Without its users, who are shown where they are asked for."""
    return {
        "id": group.usergroup_id,
        "team_id": team_id,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "description": group.description,
        "handle": group.handle,
        "is_external": False,
        "date_create": group.created_us // 1_000_000,
        "date_update": group.updated_us // 1_000_000,
        "date_delete": group.deleted_us // 1_000_000,
        "auto_type": None,
        "auto_provision": False,
        "enterprise_subteam_id": "",
        "created_by": group.created_by,
        "updated_by": group.updated_by,
        "deleted_by": group.deleted_by or None,
        "prefs": {"channels": [channel for channel in group.channels.split(",") if channel], "groups": []},
        "user_count": len(group.users),
    }


def subteam_created(group: UserGroup, team_id: str) -> Event:
    return _told("subteam_created", {"subteam": _full(group, team_id)}, group.created_us)


def subteam_updated(group: UserGroup, team_id: str) -> Event:
    return _told("subteam_updated", {"subteam": _full(group, team_id)}, group.updated_us)


def subteam_members_changed(before: UserGroup, after: UserGroup, team_id: str, removed: Sequence[str], added: Sequence[str]) -> Event:
    facts = {
        "subteam_id": after.usergroup_id,
        "team_id": team_id,
        "date_previous_update": before.updated_us // 1_000_000,
        "date_update": after.updated_us // 1_000_000,
        "added_users": list(added),
        "added_users_count": len(added),
        "removed_users": list(removed),
        "removed_users_count": len(removed),
    }
    return _told("subteam_members_changed", facts, after.updated_us)


def _full(group: UserGroup, team_id: str) -> dict[str, Any]:
    return usergroup_face(group, team_id) | {"users": list(group.users)}


def _told(kind: str, facts: dict[str, Any], at_us: int) -> Event:
    return Event(kind, (EVERYONE,), payload_of({"type": kind, **facts, "event_ts": show_ts(at_us)}))
