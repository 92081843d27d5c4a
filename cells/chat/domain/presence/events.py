"""What is said about presence: what a user set goes through the log to that user; what others hear is said once and not kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from cells.chat.domain.payloads import payload_of
from cells.chat.domain.presence.presence import Standing
from cells.runtime.log import Event

WORDS = ("active", "away")
NEVER_S = 1
"""Slack's next_dnd times for who has no schedule."""


def group_of(user_id: str) -> str:
    """Whose sessions hear of the user's presence."""
    return f"presence:{user_id}"


def batch_group_of(user_id: str) -> str:
    """The same for sessions that take the news of several users in one frame."""
    return f"presences:{user_id}"


def followed_by(group: str) -> str | None:
    """The user that sessions in the group follow; None for other groups."""
    kind, colon, user_id = group.partition(":")
    return user_id if colon and kind in ("presence", "presences") else None


def heard_of(key: str, text: str) -> tuple[str, str] | None:
    """The user and the word of a `presence_change` that was said under `key`; None for all else."""
    user_id = followed_by(key)
    if user_id is None or key != group_of(user_id):
        return None
    return next(((user_id, word) for word in WORDS if text == presence_change(user_id, word)), None)


def manual_presence_change(user_id: str, standing: Standing) -> Event:
    shown = "away" if standing.manual_away else "active"
    return Event("manual_presence_change", (user_id,), payload_of({"type": "manual_presence_change", "presence": shown}))


def dnd_updated(user_id: str, standing: Standing, now_us: int) -> Event:
    fields = {"type": "dnd_updated", "user": user_id, "dnd_status": dnd_face(standing, now_us, own=True)}
    return Event("dnd_updated", (user_id,), payload_of(fields))


def dnd_updated_user(user_id: str, standing: Standing, now_us: int) -> str:
    return payload_of({"type": "dnd_updated_user", "user": user_id, "dnd_status": dnd_face(standing, now_us, own=False)})


def presence_change(user_id: str, shown: str) -> str:
    return payload_of({"type": "presence_change", "presence": shown, "user": user_id})


def presence_batch(shown: str) -> str:
    """For `Tenant.tell_each`: `[]` is for the users."""
    return payload_of({"type": "presence_change", "presence": shown, "users": []})


def presence_list(shown: Mapping[str, str]) -> Sequence[str]:
    """At most one frame a word: `user` for one, `users` for several."""
    frames = []
    for word in WORDS:
        users = [user_id for user_id, known in shown.items() if known == word]
        if len(users) == 1:
            frames.append(presence_change(users[0], word))
        elif users:
            frames.append(payload_of({"type": "presence_change", "presence": word, "users": users}))
    return frames


def dnd_face(standing: Standing, now_us: int, *, own: bool) -> dict[str, Any]:
    """What others may know of a snooze is that it is on, as a time in which the user is not to be disturbed."""
    span_s = standing.undisturbed_s(now_us)
    if not own and standing.snooze_until_us > now_us:
        span_s = _with_snooze(span_s, now_us // 1_000_000, standing.snooze_until_us // 1_000_000)
    starts_s, ends_s = span_s or (NEVER_S, NEVER_S)
    face: dict[str, Any] = {"dnd_enabled": span_s is not None, "next_dnd_start_ts": starts_s, "next_dnd_end_ts": ends_s}
    return face | snooze_face(standing, now_us) if own else face


def _with_snooze(span_s: tuple[int, int] | None, now_s: int, until_s: int) -> tuple[int, int]:
    """From now, or from when hours that are on began, to the later end of the two where they touch."""
    if span_s is None or span_s[0] > until_s:
        return now_s, until_s
    return min(now_s, span_s[0]), max(until_s, span_s[1])


def snooze_face(standing: Standing, now_us: int) -> dict[str, Any]:
    if standing.snooze_until_us <= now_us:
        return {"snooze_enabled": False}
    until_s = standing.snooze_until_us // 1_000_000
    remaining_s = max(0, until_s - now_us // 1_000_000)
    return {"snooze_enabled": True, "snooze_endtime": until_s, "snooze_remaining": remaining_s, "snooze_is_indefinite": False}
