"""A message of a day's file, as it is stored here: what has a column goes there, all else is carried as it stands."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from cells.chat.domain.imports.past import GONE, PastReaction
from cells.chat.domain.imports.standing import Note
from cells.chat.domain.messages.message import Message
from cells.chat.exchange.elements import Fields, Unreadable, fields_of, text_in
from cells.chat.exchange.people import USER_ID
from chassis.identity import AppId, BotId, ChannelId, UserId

TEXT_BYTES_MAX = 1 << 20
_TS = re.compile(r"([0-9]{10})\.([0-9]{6})", re.ASCII)
_EVENTS = frozenset(("message_changed", "message_deleted", "message_replied"))
"""Told of messages in exports of companies; the messages themselves stand beside them."""
_COUNTED = (
    *("type", "team", "user_team", "source_team", "user_profile", "channel", "ts", "reply_count", "reply_users", "reply_users_count"),
    *("_", "latest_reply", "replies", "subscribed", "last_read", "is_locked", "unread_count", "pinned_to", "pinned_info", "is_starred"),
)
"""Not carried: whose message it is and what hangs under it is known here."""
_encode = msgspec.json.Encoder().encode


class _Reaction(msgspec.Struct):
    name: str
    users: list[str] = []
    count: int = 0


class _Edited(msgspec.Struct):
    user: str
    ts: str


_reactions = msgspec.json.Decoder(list[_Reaction]).decode
_edited = msgspec.json.Decoder(_Edited).decode
_list = msgspec.json.Decoder(list[Any]).decode
_profile = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class PastMessage:
    message: Message
    what: str
    """Names it."""
    reactions: tuple[PastReaction, ...]
    profile: dict[str, Any] | None
    """What the export says of its author beside users.json."""
    file_ids: tuple[str, ...]

    @property
    def people(self) -> set[str]:
        message = self.message
        named = (message.user_id, message.parent_user_id, message.edited_by)
        return {user_id for user_id in named if user_id} | {reaction.user_id for reaction in self.reactions}


def past_message(item: bytes, channel_id: str, folder: str, place: str, notes: list[Note]) -> PastMessage | None:
    """None where it is left out. `notes` says why, and what else of it is."""
    try:
        fields = fields_of(item)
    except Unreadable as error:
        notes.append(Note("message", place, str(error)))
        return None
    shown = text_in(fields.get("ts")) or ""
    what = f"{folder} {shown}" if shown else place
    why = _why_not(fields, shown)
    if why:
        notes.append(Note("message", what, why))
        return None
    ts_us = ts_of(shown) or 0
    reactions = _reactions_of(fields, channel_id, ts_us, what, notes)
    files = _check_files(fields, what, notes)
    profile = _profile_of(fields)
    return PastMessage(_message(fields, channel_id, ts_us), what, reactions, profile, files)


def ts_of(shown: str) -> int | None:
    """Exactly Slack's shape: another one could not be shown again as it was."""
    found = _TS.fullmatch(shown)
    return int(found[1]) * 1_000_000 + int(found[2]) if found else None


def _why_not(fields: Fields, shown: str) -> str:
    kind, subtype = text_in(fields.get("type")) or "message", text_in(fields.get("subtype"))
    if kind != "message":
        return f"its type is {kind[:40]}"
    if subtype in _EVENTS:
        return f"{subtype} tells of a message and is none"
    if not ts_of(shown):
        return f"{shown[:40]!r} is no timestamp" if shown else "it has no timestamp"
    return "its text is longer than 1 MiB" if memoryview(fields.get("text", b"")).nbytes > TEXT_BYTES_MAX else ""


def _message(fields: Fields, channel_id: str, ts_us: int) -> Message:
    """Takes what it stores out of `fields`; the rest are its extras."""
    subtype = text_in(fields.get("subtype"))
    user_id = text_in(fields.pop("user", None)) or ""
    thread_us = ts_of(text_in(fields.pop("thread_ts", None)) or "")
    in_thread = thread_us is not None and thread_us < ts_us
    broadcast = in_thread and subtype == "thread_broadcast"
    parent = text_in(fields.pop("parent_user_id", None))
    gone = subtype == "tombstone"
    if broadcast or gone:
        del fields["subtype"]
    bot_id, app_id = _bot(fields)
    edited_us, edited_by = _edited_in(fields)
    text = text_in(fields.pop("text", None)) or ""
    client_msg_id = text_in(fields.pop("client_msg_id", None))
    for name in _COUNTED:
        fields.pop(name, None)
    return Message(
        channel_id=ChannelId(channel_id),
        ts_us=ts_us,
        user_id=UserId(GONE if gone else user_id if USER_ID.fullmatch(user_id) else ""),
        text="" if gone else text,
        bot_id=bot_id,
        app_id=app_id,
        thread_us=thread_us if in_thread else None,
        parent_user_id=UserId(parent) if in_thread and parent else None,
        broadcast=broadcast,
        client_msg_id=client_msg_id,
        extras=_encode(fields).decode() if fields and not gone else None,
        edited_us=edited_us,
        edited_by=edited_by,
        deleted_us=ts_us if gone else None,
    )


def _bot(fields: Fields) -> tuple[BotId | None, AppId | None]:
    """One without the other is carried as it stands."""
    bot_id, app_id = text_in(fields.get("bot_id")), text_in(fields.get("app_id"))
    if not bot_id or not app_id:
        return None, None
    del fields["bot_id"], fields["app_id"]
    return BotId(bot_id), AppId(app_id)


def _edited_in(fields: Fields) -> tuple[int | None, UserId | None]:
    raw = fields.get("edited")
    if raw is None:
        return None, None
    try:
        edited = _edited(raw)
    except msgspec.DecodeError:
        return None, None
    at_us = ts_of(edited.ts)
    if at_us is None or not USER_ID.fullmatch(edited.user):
        return None, None
    del fields["edited"]
    return at_us, UserId(edited.user)


def _reactions_of(fields: Fields, channel_id: str, ts_us: int, what: str, notes: list[Note]) -> tuple[PastReaction, ...]:
    raw = fields.pop("reactions", None)
    if raw is None:
        return ()
    try:
        given = _reactions(raw)
    except msgspec.DecodeError as error:
        notes.append(Note("reaction", what, f"its reactions cannot be read: {error}"))
        return ()
    found: dict[tuple[str, str], PastReaction] = {}
    for reaction in given:
        users = [user for user in dict.fromkeys(reaction.users) if USER_ID.fullmatch(user)]
        if len(users) < max(reaction.count, len(reaction.users)):
            lost = max(reaction.count, len(reaction.users)) - len(users)
            notes.append(Note("reaction", f"{what} :{reaction.name}:", f"{lost} of those who reacted are not named in the export"))
        for user in users:
            found[reaction.name, user] = PastReaction(channel_id, ts_us, reaction.name, user, ts_us + len(found))
    return tuple(found.values())


def _check_files(fields: Fields, what: str, notes: list[Note]) -> tuple[str, ...]:
    """Ids of those it refers to. What is no file is taken out; of one without content only its name comes along."""
    raw = fields.get("files")
    if raw is None:
        return ()
    try:
        given = _list(raw)
    except msgspec.DecodeError:
        notes.append(Note("file", what, "its files are no list"))
        del fields["files"]
        return ()
    kept = [file for file in given if isinstance(file, dict) and isinstance(file.get("id"), str)]
    if len(kept) < len(given):
        notes.append(Note("file", what, f"{len(given) - len(kept)} of its files have no id"))
        fields["files"] = msgspec.Raw(_encode(kept))
    bare = [file for file in kept if not file.get("url_private")]
    notes.extend(
        Note("file", f"{what} {file['id']}", f"no content in the export ({file.get('mode') or 'no url_private'})") for file in bare
    )
    return tuple(file["id"] for file in kept)


def _profile_of(fields: Fields) -> dict[str, Any] | None:
    raw = fields.get("user_profile")
    if raw is None:
        return None
    try:
        return _profile(raw)
    except msgspec.DecodeError:
        return None
