"""A chat client that is only its books: loaded once through the Web API, then fed by socket events and nothing else.

It loads a channel when it is told that it came in, as Slack's own clients do; all else it must learn from events.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.harness.chat import ChatClient

Face = dict[str, Any]
KINDS = "public_channel,private_channel,im,mpim"
NEVER = "0000000000.000000"
_THREAD = ("thread_ts", "reply_count", "reply_users_count", "latest_reply", "reply_users", "is_locked", "subscribed")
_SAID_OF_CREATED = ("id", "name", "name_normalized", "is_channel", "created", "creator")
_JOINED = ("channel_joined", "group_joined", "mpim_joined", "im_created")
_LEFT = ("channel_left", "group_left")
_RENAMED = ("channel_rename", "group_rename")
_ARCHIVED = {"channel_archive": True, "group_archive": True, "channel_unarchive": False, "group_unarchive": False}
_OPENED = {"im_open": True, "mpim_open": True, "im_close": False, "mpim_close": False}
_NOTICES = ("channel_topic", "channel_purpose", "channel_name", "channel_archive", "channel_unarchive")
_MARKED = ("channel_marked", "group_marked", "mpim_marked", "im_marked")


@dataclass
class Room:
    """A conversation that the client is in."""

    face: Face
    members: set[str]
    messages: dict[str, Face]
    last_read: str
    unread: int = 0
    pins: dict[str, str] = field(default_factory=dict)
    """Who pinned it, by message."""
    bookmarks: dict[str, Face] = field(default_factory=dict)


@dataclass
class Books:
    """What a client shows."""

    rooms: dict[str, Room] = field(default_factory=dict)
    elsewhere: dict[str, Face] = field(default_factory=dict)
    """Public channels that it is not in."""
    users: dict[str, Face] = field(default_factory=dict)
    usergroups: dict[str, Face] = field(default_factory=dict)


async def read_afresh(client: ChatClient) -> Books:
    listed = (await client.call("conversations.list", types=KINDS, limit="1000"))["channels"]
    people = (await client.call("users.list"))["members"]
    groups = (await client.call("usergroups.list", include_users="true"))["usergroups"]
    return Books(
        {face["id"]: await read_room(client, face["id"]) for face in listed if face["is_member"]},
        {face["id"]: _seen_from_outside(face) for face in listed if not face["is_member"]},
        {user["id"]: without_address(user) for user in people},
        {group["id"]: group for group in groups},
    )


async def read_room(client: ChatClient, channel: str) -> Room:
    face = (await client.call("conversations.info", channel=channel))["channel"]
    state = {name: face.pop(name, None) for name in ("last_read", "unread_count", "unread_count_display", "latest")}
    if not face["is_im"]:
        face.pop("priority", None)  # of direct conversations, and only where they are read
    members = (await client.call("conversations.members", channel=channel, limit="1000"))["members"]
    history = (await client.call("conversations.history", channel=channel, limit="999"))["messages"]
    messages = {message["ts"]: message for message in history}
    for root in history:
        if root.get("reply_count"):
            thread = (await client.call("conversations.replies", channel=channel, ts=root["ts"]))["messages"]
            messages |= {message["ts"]: message for message in thread}
    pins = (await client.call("pins.list", channel=channel))["items"]
    pinned = {item["message"]["ts"]: item["created_by"] for item in pins}
    bookmarks = (await client.call("bookmarks.list", channel_id=channel))["bookmarks"]
    marked = {bookmark["id"]: bookmark for bookmark in bookmarks}
    return Room(face, set(members), messages, state["last_read"], state["unread_count"], pinned, marked)


def _seen_from_outside(face: Face) -> Face:
    return {name: face[name] for name in (*_SAID_OF_CREATED, "is_archived")}


def without_address(user: Face) -> Face:
    """An address is shown only to tokens that may read it."""
    return user | {"profile": {name: value for name, value in user["profile"].items() if name != "email"}}


class Model:
    def __init__(self, client: ChatClient, books: Books) -> None:
        self.client = client
        self.books = books
        self._closed: dict[str, str] = {}
        """When it put a direct conversation away."""
        self._since: dict[str, str] = {}
        """When it came into a channel: what is older is not unread."""

    async def hear(self, event: Mapping[str, Any]) -> None:
        kind = event["type"]
        if kind in _JOINED:
            await self._come_in(event)
        elif kind in _LEFT:
            self._go_out(event["channel"])
        elif kind == "channel_created":
            self.books.elsewhere[event["channel"]["id"]] = dict(event["channel"]) | {"is_archived": False}
        elif kind in _RENAMED:
            self._change_face(event["channel"]["id"], {name: event["channel"][name] for name in ("name", "name_normalized")})
        elif kind in _ARCHIVED:
            self._change_face(event["channel"], {"is_archived": _ARCHIVED[kind]})
        elif kind in ("team_join", "user_change"):
            self.books.users[event["user"]["id"]] = without_address(event["user"])
        elif kind in ("subteam_created", "subteam_updated"):
            self.books.usergroups[event["subteam"]["id"]] = dict(event["subteam"])
        else:
            self._hear_in_room(kind, event)

    async def _come_in(self, event: Mapping[str, Any]) -> None:
        channel = event["channel"]["id"]
        self.books.elsewhere.pop(channel, None)
        self._since[channel] = event["event_ts"]
        room = self.books.rooms[channel] = await read_room(self.client, channel)
        told, found = event["channel"], room.face
        differing = {name: (told.get(name), found.get(name)) for name in told.keys() | found.keys() if told.get(name) != found.get(name)}
        assert not differing, f"{event['type']} tells other facts of a channel than a read: {differing}"

    def _go_out(self, channel: str) -> None:
        """A guest who is out knows of the channel no longer."""
        face = self.books.rooms.pop(channel).face
        if not face["is_private"] and not self.books.users[self.client.user_id]["is_restricted"]:
            self.books.elsewhere[channel] = _seen_from_outside(face)

    def _change_face(self, channel: str, facts: Face) -> None:
        room = self.books.rooms.get(channel)
        face = room.face if room else self.books.elsewhere[channel]
        face.update(facts)

    def _hear_in_room(self, kind: str, event: Mapping[str, Any]) -> None:
        item = event.get("item")
        room = self.books.rooms.get(item["channel"] if item else event.get("channel", ""))
        if kind in _OPENED:
            self._closed[event["channel"]] = NEVER if _OPENED[kind] else event["event_ts"]
        if room is None:
            return
        if kind == "member_joined_channel":
            room.members.add(event["user"])
        elif kind == "member_left_channel":
            room.members.discard(event["user"])
        elif kind in ("reaction_added", "reaction_removed"):
            react(room.messages[event["item"]["ts"]], event["reaction"], event["user"], added=kind == "reaction_added")
        elif kind == "pin_added":
            room.pins[event["item"]["message"]["ts"]] = event["user"]
        elif kind == "pin_removed":
            del room.pins[event["item"]["message"]["ts"]]
        elif kind in ("bookmark_added", "bookmark_edited"):
            room.bookmarks[event["bookmark"]["id"]] = dict(event["bookmark"])
        elif kind == "bookmark_removed":
            del room.bookmarks[event["bookmark"]["id"]]
        elif kind in _MARKED:
            room.last_read = event["ts"]
            self._count(event["channel"], room)
            assert room.unread == event["unread_count_display"]
        elif kind == "message":
            self._hear_message(room, event)
            self._count(event["channel"], room)
        self._open(room)

    def _open(self, room: Room) -> None:
        """A conversation that was put away is open again once something newer is in it."""
        closed = self._closed.get(room.face["id"], NEVER)
        latest = max((ts for ts, m in room.messages.items() if is_shown(m) and m.get("subtype") != "tombstone"), default=NEVER)
        if "is_open" in room.face:
            room.face["is_open"] = closed == NEVER or latest > closed

    def _hear_message(self, room: Room, event: Mapping[str, Any]) -> None:
        subtype = event.get("subtype")
        if subtype == "message_changed":
            change(room, dict(event["message"]))
        elif subtype == "message_deleted":
            forget(room, event["deleted_ts"])
        else:
            message = {name: value for name, value in event.items() if name not in ("channel", "event_ts")}
            room.messages[message["ts"]] = message
            self._read_own(room, message)
            if subtype in _NOTICES:
                notice(room.face, message)
            tell_root(room, message)

    def _read_own(self, room: Room, message: Face) -> None:
        if message["user"] == self.client.user_id and is_shown(message):
            room.last_read = message["ts"]

    def _count(self, channel: str, room: Room) -> None:
        floor = room.last_read if room.last_read != NEVER else self._since.get(channel, NEVER)
        others = (m for m in room.messages.values() if m["ts"] > floor and is_shown(m) and m.get("subtype") != "tombstone")
        room.unread = sum(message["user"] != self.client.user_id for message in others)


def notice(face: Face, message: Face) -> None:
    """What a message of the platform's own says of its conversation."""
    seconds, _, micros = message["ts"].partition(".")
    face["updated"] = int(seconds) * 1_000 + int(micros) // 1_000
    for subtype, part in (("channel_topic", "topic"), ("channel_purpose", "purpose")):
        if message["subtype"] == subtype:
            face[part] = {"value": message[part], "creator": message["user"], "last_set": int(seconds)}
    if message["subtype"] == "channel_name":
        old = message["old_name"]
        face["previous_names"] = [old, *(name for name in face["previous_names"] if name not in (old, message["name"]))][:10]


def is_shown(message: Face) -> bool:
    """In the channel, and not in a thread alone."""
    return message.get("thread_ts", message["ts"]) == message["ts"] or message.get("subtype") == "thread_broadcast"


def change(room: Room, message: Face) -> None:
    """An edit is the message alone: what hangs under it stays, but under a tombstone no reactions."""
    before = room.messages[message["ts"]]
    if message.get("subtype") == "tombstone":
        room.pins.pop(message["ts"], None)
    kept = _THREAD if message.get("subtype") == "tombstone" else (*_THREAD, "reactions")
    room.messages[message["ts"]] = {name: before[name] for name in kept if name in before} | message


def forget(room: Room, ts: str) -> None:
    gone = room.messages.pop(ts, None)
    room.pins.pop(ts, None)
    if gone is not None:
        tell_root(room, gone)


def tell_root(room: Room, reply: Face) -> None:
    """Count again what hangs under the thread's first message."""
    root = room.messages.get(reply.get("thread_ts", ""))
    if root is None or root["ts"] == reply["ts"]:
        return
    replies = [message for message in room.messages.values() if message.get("thread_ts") == root["ts"] and message is not root]
    for name in _THREAD:
        root.pop(name, None)
    if replies:
        people = sorted({message["user"] for message in replies})
        root |= {"thread_ts": root["ts"], "reply_count": len(replies), "latest_reply": max(message["ts"] for message in replies)}
        root |= {"reply_users": people[:5], "reply_users_count": len(people), "is_locked": False, "subscribed": False}


def react(message: Face, name: str, user: str, *, added: bool) -> None:
    users = {reaction["name"]: reaction["users"] for reaction in message.pop("reactions", [])}
    if added:
        users.setdefault(name, []).append(user)
    else:
        users[name].remove(user)
    if any(users.values()):
        message["reactions"] = [{"name": n, "users": people, "count": len(people)} for n, people in users.items() if people]


def decoded(payload: str) -> Face:
    event: Face = json.loads(payload)
    return event
