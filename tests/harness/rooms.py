"""A workload in a few lines, for tests of the gateway: people in rooms who speak. Each word said is one event."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import Column, MetaData, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.log import Event, LoggedEvent, Transaction
from cells.runtime.tenancy import TenantScope, tenant_table
from cells.runtime.workload import Admitted, Effect, Following, Handshake, Passing, Refused, Regrouping, Tenant
from chassis.errors import WaggleError
from migrations.isolation import protection_of
from tests.harness.workspaces import execute

metadata = MetaData()
room_members = tenant_table("room_members", metadata, Column("room", Text, primary_key=True), Column("user_id", Text, primary_key=True))
_numbers = count(1)


async def create_rooms(owner_url: str) -> None:
    if await execute(owner_url, "SELECT to_regclass('room_members') AS found WHERE to_regclass('room_members') IS NOT NULL"):
        return
    table = "CREATE TABLE room_members (workspace_id text, room text, user_id text, PRIMARY KEY (workspace_id, room, user_id))"
    for statement in (table, *protection_of("room_members")):
        await execute(owner_url, statement)


class NothingToDo(WaggleError):
    code = "nothing_to_do"


@dataclass(frozen=True)
class Speak:
    audience: tuple[str, ...]
    words: str = ""

    async def apply(self, tx: Transaction) -> None:
        tx.append(Event("spoke", self.audience, payload(words=self.words)))


@dataclass(frozen=True)
class Enter:
    """Announced to the room, the newcomer included."""

    user_id: str
    room: str

    async def apply(self, tx: Transaction) -> None:
        row = {"w": tx.scope.workspace_id, "r": self.room, "u": self.user_id}
        done = await tx.connection.execute(text("INSERT INTO room_members VALUES (:w, :r, :u) ON CONFLICT DO NOTHING"), row)
        if not done.rowcount:
            raise NothingToDo
        tx.append(Event("entered", (self.room,), payload(user=self.user_id, room=self.room)))


@dataclass(frozen=True)
class Exit:
    """Announced to the room, the one who goes included."""

    user_id: str
    room: str

    async def apply(self, tx: Transaction) -> None:
        row = {"w": tx.scope.workspace_id, "r": self.room, "u": self.user_id}
        done = await tx.connection.execute(text("DELETE FROM room_members WHERE workspace_id = :w AND room = :r AND user_id = :u"), row)
        if not done.rowcount:
            raise NothingToDo
        tx.append(Event("left", (self.room,), payload(user=self.user_id, room=self.room)))


def payload(**facts: str) -> str:
    """No two alike, so that a payload stands for its event."""
    return json.dumps({"n": next(_numbers), **facts})


@dataclass
class RoomSessions:
    """Who a session is comes in the query (`?user=`); what clients say is answered with an echo."""

    said: list[str] = field(default_factory=list)
    shut_out: set[str] = field(default_factory=set)

    async def admit(self, tenant: Tenant, handshake: Handshake) -> Admitted | Refused:
        user_id = handshake.query.get("user", "")
        after = handshake.query.get("after")
        place = {"numbered": True, "after_seq": int(after)} if after else {}
        return Admitted(user_id, ("hello",), {"path": handshake.path}, **place) if user_id else Refused(401, "who?")  # type: ignore[arg-type]

    async def groups(self, connection: AsyncConnection, scope: TenantScope, subjects: Sequence[str]) -> Mapping[str, frozenset[str]]:
        query = text("SELECT user_id, room FROM room_members WHERE workspace_id = :w AND user_id = ANY(:u)")
        rows = (await connection.execute(query, {"w": scope.workspace_id, "u": subjects})).all()
        let_in = [user_id for user_id in subjects if user_id not in self.shut_out]
        return {user_id: frozenset(row.room for row in rows if row.user_id == user_id) for user_id in let_in}

    def regroupings(self, event: LoggedEvent) -> Sequence[Regrouping]:
        if event.kind not in ("entered", "left"):
            return ()
        facts = json.loads(event.payload)
        return (Regrouping(facts["user"], facts["room"], event.kind == "entered"),)

    async def on_message(self, tenant: Tenant, session: Admitted, text: str) -> Sequence[Effect]:
        if text == "fail":
            raise RuntimeError("the workload broke")
        verb, _, words = text.partition(" ")
        if verb == "follow":
            return [Following(frozenset(words.split()), lambda: answer(f"following {words}"))]
        if verb == "whisper":
            return [Passing((words,), f"psst {session.user_id}", without=(session.user_id,), key=words)]
        self.said.append(f"{session.user_id}: {text}")
        return [f"echo {text}"]


async def answer(*texts: str) -> Sequence[str]:
    return texts
