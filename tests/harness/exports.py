"""A Slack export as companies have them, with every trouble that importers are known to break on, and what must come of it.

`an_export(path, messages)` writes the zip and returns what the API must answer. Nothing here knows the importer.
"""

import json
import random
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Face = dict[str, Any]
FIRST_S = 1_600_000_000
DAY_S = 86_400
PEOPLE = 40
DERIVED = ("reply_count", "reply_users", "reply_users_count", "latest_reply", "subscribed", "is_locked")


@dataclass
class Expected:
    users: dict[str, Face] = field(default_factory=dict)
    missing_users: set[str] = field(default_factory=set)
    rooms: dict[str, Face] = field(default_factory=dict)
    """By folder."""
    kinds: dict[str, str] = field(default_factory=dict)
    history: dict[str, dict[str, Face]] = field(default_factory=dict)
    """By folder and ts: what conversations.history shows."""
    replies: dict[str, dict[str, dict[str, Face]]] = field(default_factory=dict)
    """By folder, thread and ts."""
    left_out: list[str] = field(default_factory=list)
    """What the notes must name, each a part of `what`."""
    made_up: set[tuple[str, str]] = field(default_factory=set)
    """Folder and ts of tombstones that stand for a thread's lost beginning."""
    items: int = 0


class _Unflagged(zipfile.ZipInfo):
    """A UTF-8 name that does not say so, as many zip programs write them."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode(), self.flag_bits & ~0x800


class ExportMaker:
    def __init__(self, path: Path, messages: int, seed: int, owner_email: str) -> None:
        self.path, self.messages, self.random = path, messages, random.Random(seed)
        self.owner_email = owner_email
        self.expected = Expected()
        self.days: dict[str, list[Face]] = {}

    def make(self) -> Expected:
        self._people()
        self._rooms()
        folders = list(self.expected.rooms)
        weights = [8, 6, 3, 1, 2, 1, 1]
        with zipfile.ZipFile(self.path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, faces in self.files.items():
                archive.writestr(f"{name}.json", json.dumps(faces))
            archive.writestr("integration_logs.json", "[]")
            archive.writestr("canvases.json", "[]")
            for folder, weight in zip(folders, weights, strict=True):
                self._talk(archive, folder, max(20, self.messages * weight // sum(weights)))
            archive.writestr("nobody-knows/2020-09-14.json", json.dumps([self._said("U00000000", "1600086400.000100", "lost")]))
            archive.writestr("dev/2019-01-01.json", b'[{"type":"message","user":"U0PERSON00","text":"half","ts":"1546300800.000100"},{"tex')
        self.expected.left_out += ["nobody-knows/2020-09-14.json", "dev/2019-01-01.json", "canvases.json", "integration_logs.json"]
        half = {"type": "message", "user": "U0PERSON00", "text": "half", "ts": "1546300800.000100"}
        self.expected.history["dev"]["1546300800.000100"] = half
        return self.expected

    # who and where

    def _people(self) -> None:
        faces: list[Any] = []
        for number in range(PEOPLE):
            name = ["JosÃ© mojibake", "ünï.cödé", "zoë"][number] if number < 3 else f"person{number}"
            face: Face = {"id": f"U0PERSON{number:02}", "name": name, "real_name": f"Person {number} 💬", "deleted": number % 7 == 6}
            face["profile"] = {"email": f"p{number}@old.example", "title": "t" * 120 if number == 4 else "x", "display_name": name}
            if number == 5:
                face |= {"is_bot": True, "profile": {"bot_id": "B0BOT00001", "api_app_id": "A0APP00001", "real_name": "Robot"}}
            faces.append(face)
            self.expected.users[face["id"]] = face
        faces.append({"id": "U0OWNER000", "name": "boss", "real_name": "Boss", "is_owner": True, "profile": {"email": self.owner_email}})
        faces.append({"id": "not an id", "name": "x", "profile": {}})
        faces.append("nonsense")
        self.expected.left_out += ["users.json item 42", "users.json item 43"]
        self.files: dict[str, list[Any]] = {"users": faces}

    def _rooms(self) -> None:
        ids = list(self.expected.users)
        topic = {"value": "a topic", "creator": ids[0], "last_set": FIRST_S}
        channels: list[Face] = [
            {"id": "C0GENERAL0", "name": "general", "is_general": True, "members": ids[:20]},
            {"id": "C0DEV00000", "name": "dev", "members": ids[:10], "topic": topic},
            {"id": "C0CAFE0000", "name": "café-ünï", "members": ids[:5]},
            {"id": "C0ARCHIVED", "name": "old", "is_archived": True, "members": [ids[0], "U0GONE0001"]},
        ]
        groups: list[Face] = [
            {"id": "G0SECRET00", "name": "secret", "members": ids[:3], "purpose": {"value": "p", "creator": ids[1], "last_set": 1}}
        ]
        mpims: list[Face] = [{"id": "G0MPIM0000", "name": "mpdm-person3--person4--person7-1", "members": [ids[3], ids[4], ids[7]]}]
        dms: list[Face] = [{"id": "D0DIRECT00", "members": [ids[0], ids[1]]}]
        common: Face = {"created": FIRST_S, "creator": ids[0]}
        self.files |= {"channels": [common | c for c in channels], "groups": [common | g for g in groups]}
        self.files |= {"mpims": [common | m for m in mpims], "dms": [{"created": FIRST_S} | d for d in dms]}
        for kind in ("channels", "groups", "mpims", "dms"):
            for room in self.files[kind]:
                folder = room["id"] if kind == "dms" else room["name"]
                self.expected.rooms[folder], self.expected.kinds[folder] = room, kind
        self.expected.missing_users.add("U0GONE0001")

    # what was said

    def _talk(self, archive: zipfile.ZipFile, folder: str, number: int) -> None:
        history = self.expected.history.setdefault(folder, {})
        threads = self.expected.replies.setdefault(folder, {})
        per_day = max(10, min(2_000, number // 60))
        clock, day = FIRST_S * 1_000_000, ""
        today: list[Any] = []
        for at in range(number):
            clock += self.random.randrange(1, 2 * DAY_S * 1_000_000 // per_day)
            ts = f"{clock // 1_000_000}.{clock % 1_000_000:06d}"
            said_on = day_of(clock // 1_000_000)
            if said_on != day:
                self._write(archive, folder, day, today)
                day, today = said_on, []
            self._say(folder, ts, at, today, history, threads)
        self._write(archive, folder, day, today)

    def _say(self, folder: str, ts: str, at: int, today: list[Any], history: dict[str, Face], threads: dict[str, Any]) -> None:
        author = self.random.choice(self.expected.rooms[folder]["members"])
        face = self._said(author, ts, f"message {at} with <@U0PERSON03> and ümläuts 🚀 " + "word " * self.random.randrange(20))
        roots = list(threads)[-3:]
        if roots and self.random.random() < 0.3:
            self._reply(folder, face, self.random.choice(roots), today, history, threads)
            return
        trouble = self.random.choice(TROUBLES) if self.random.random() < 0.1 else None
        if trouble is not None:
            trouble(self, folder, face, today, history, threads)
            return
        if self.random.random() < 0.1:
            threads[ts] = {}
            face["thread_ts"] = ts
        self._decorate(face)
        history[ts] = face
        today.append(face)

    def _said(self, user: str, ts: str, text: str) -> Face:
        return {"type": "message", "user": user, "text": text, "ts": ts, "client_msg_id": f"m-{ts}"}

    def _decorate(self, face: Face) -> None:
        if self.random.random() < 0.1:
            users = self.random.sample(sorted(self.expected.users), 3)
            face["reactions"] = [{"name": "tada", "users": users, "count": 3}, {"name": "+1::skin-tone-3", "users": users[:1], "count": 1}]
        if self.random.random() < 0.05:
            face["edited"] = {"user": face["user"], "ts": f"{int(face['ts'][:10]) + 60}.000000"}
        if self.random.random() < 0.05:
            face["blocks"] = [{"type": "rich_text", "block_id": "b", "elements": [{"type": "rich_text_section", "elements": []}]}]

    def _reply(self, folder: str, face: Face, root: str, today: list[Any], history: dict[str, Face], threads: dict[str, Any]) -> None:
        begun = history[root].get("user", "USLACKBOT")
        face |= {"thread_ts": root, "parent_user_id": begun}
        if self.random.random() < 0.1:
            face["subtype"] = "thread_broadcast"
            history[face["ts"]] = face
        threads[root][face["ts"]] = face
        today.append(face)

    def _write(self, archive: zipfile.ZipFile, folder: str, day: str, today: list[Any]) -> None:
        if not today:
            return
        self.expected.items += len(today)
        info = _Unflagged(f"{folder}/{day}.json") if not folder.isascii() else zipfile.ZipInfo(f"{folder}/{day}.json")
        info.compress_type = zipfile.ZIP_DEFLATED
        body = "[" + ",\n".join(each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in today) + "]"
        archive.writestr(info, body.encode("utf-8", "surrogatepass"), compresslevel=1)


def day_of(second: int) -> str:

    return datetime.fromtimestamp(second, UTC).date().isoformat()


# Each trouble: what stands in the file, and what must come of it.


def _tombstone_file(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    bare = [{"id": "F0DELETED0", "mode": "tombstone"}, {"id": "F0HIDDEN00", "mode": "hidden_by_limit"}]
    face["files"] = [*bare, {"id": "F0ODD00000", "mode": "from_the_future", "url_private": "https://old.example/f"}]
    maker.expected.left_out += [f"{face['ts']} F0DELETED0", f"{face['ts']} F0HIDDEN00"]
    history[face["ts"]] = face
    today.append(face)


def _file_without_id(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    today.append(face | {"files": [None, {"name": "x"}]})
    history[face["ts"]] = face | {"files": []}
    maker.expected.left_out.append(face["ts"])


def _vanished_reactor(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    gone = f"U0VANISH{maker.random.randrange(5):02}"
    maker.expected.missing_users.add(gone)
    today.append(face | {"reactions": [{"name": "wave", "users": ["U0PERSON00", gone], "count": 7}]})
    history[face["ts"]] = face | {"reactions": [{"name": "wave", "users": ["U0PERSON00", gone], "count": 2}]}
    maker.expected.left_out.append(f"{face['ts']} :wave:")


def _missing_author(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    gone = f"W0GONE00{maker.random.randrange(5):02}"
    maker.expected.missing_users.add(gone)
    face["user"] = gone
    today.append(face | {"user_profile": {"real_name": "A Guest", "display_name": "guest", "team": "T0ELSEWHERE"}, "team": "T0OLD"})
    history[face["ts"]] = face


def _bot_message(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    said = {"type": "message", "subtype": "bot_message", "text": "beep", "ts": face["ts"], "bot_id": "B0OLD00001", "username": "ci"}
    today.append(said)
    history[face["ts"]] = said


def _joined(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    said = {
        "type": "message",
        "subtype": "channel_join",
        "user": face["user"],
        "text": "has joined",
        "ts": face["ts"],
        "inviter": "U0PERSON01",
    }
    today.append(said)
    history[face["ts"]] = said


def _event(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    today.append({"type": "message", "subtype": "message_changed", "ts": face["ts"], "hidden": True, "message": face})
    maker.expected.left_out.append(face["ts"])


def _lost_parent(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    root = f"{int(face['ts'][:10]) - 90_000_000}.000{maker.random.randrange(1, 999):03}"
    if root in history:
        return
    history[root] = {"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "hidden": True, "ts": root, "thread_ts": root}
    history[root]["text"] = "This message was deleted."
    maker.expected.made_up.add((folder, root))
    threads[root] = {}
    maker._reply(folder, face, root, today, history, threads)


def _tombstone(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    said = {"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "hidden": True, "ts": face["ts"], "thread_ts": face["ts"]}
    said["text"] = "This message was deleted."
    reply_s = int(face["ts"][:10])
    reply = maker._said("U0PERSON02", f"{reply_s}.999999", "to what is gone") | {"thread_ts": face["ts"], "parent_user_id": "USLACKBOT"}
    if reply["ts"] == face["ts"] or reply["ts"] in history:
        return
    today += [said, reply]
    history[face["ts"]], threads[face["ts"]] = said, {reply["ts"]: reply}


def _double(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    today += [face, dict(face), face | {"text": "another of the same time"}]
    history[face["ts"]] = face
    maker.expected.left_out.append(face["ts"])


def _bad_time(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    today += [face | {"ts": "yesterday"}, face | {"ts": "1.5"}, {"type": "message", "text": "no ts"}, face | {"ts": "9999999999.000001"}]
    maker.expected.left_out += ["yesterday", "9999999999.000001"]


def _odd_letters(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    shown = json.dumps(face | {"text": "TEXT", "username": "NAME"})
    today.append(shown.replace("TEXT", "nul \\u0000 half \\ud83d").replace("NAME", "n\\u0000"))
    history[face["ts"]] = face | {"text": "nul  half \ufffd", "username": "n"}


def _nonsense(maker: ExportMaker, folder: str, face: Face, today: list[Any], history: dict[str, Face], threads: Any) -> None:
    today += ["null", "17", '"text"', json.dumps({"type": "channel_archive", "ts": face["ts"]})]
    maker.expected.left_out.append(face["ts"])


TROUBLES: tuple[Any, ...] = (
    *(_tombstone_file, _file_without_id, _vanished_reactor, _missing_author, _bot_message, _joined, _event),
    *(_lost_parent, _tombstone, _double, _bad_time, _odd_letters, _nonsense),
)


def an_export(path: Path, messages: int, *, seed: int = 7, owner_email: str = "owner@acme.example.com") -> Expected:
    return ExportMaker(path, messages, seed, owner_email).make()
