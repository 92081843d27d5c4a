"""State plus events equals state: for every kind of change, a client fed by events shows what a fresh read shows."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from cells.chat.domain.tokens.service import hash_of
from cells.chat.domain.tokens.token import token_id_of
from cells.chat.slack.rtm import subject_of
from cells.runtime.workload import Regrouping
from tests.harness.chat import ChatClient, Workspace, a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.model import Model, Room, decoded, read_afresh

pytestmark = pytest.mark.anyio
CHANGES = 90
CHANGES_BETWEEN_READS = 15
EMOJI = ("x", "tada", "eyes")


@dataclass
class Listener:
    """A session by the gateway's rules: groups it joins count before the event that says so, those it leaves after."""

    model: Model
    groups: set[str]

    async def hear(self, acme: Workspace, after: int) -> None:
        assert acme.workload.sessions is not None
        me = self.model.client.user_id
        for event in await acme.events(after):
            changes = acme.workload.sessions.regroupings(event)
            moves = [move for move in changes if isinstance(move, Regrouping) and move.user_id == me]
            self.groups |= {move.group for move in moves if move.joined}
            if self.groups & set(event.audience):
                await self.model.hear(decoded(event.payload))
            self.groups -= {move.group for move in moves if not move.joined}


@dataclass
class Play:
    acme: Workspace
    chance: random.Random
    actors: list[Model]
    done: dict[str, int] = field(default_factory=dict)

    async def step(self) -> None:
        """One change that the actor may make; what the random choice makes impossible changes nothing."""
        actor = self.chance.choice(self.actors)
        act = self.chance.choice(ACTS)
        reply = await act(self, actor)
        if reply:
            name = act.__name__.strip("_")
            self.done[name] = self.done.get(name, 0) + 1

    def room(self, actor: Model) -> tuple[str, Room]:
        return self.chance.choice(sorted(actor.books.rooms.items()))

    def message(self, actor: Model, *, own: bool = False) -> tuple[str, str] | None:
        """Channel and ts of one that is there."""
        found = [
            (channel, ts)
            for channel, room in sorted(actor.books.rooms.items())
            for ts, message in sorted(room.messages.items())
            if message.get("subtype") != "tombstone" and (not own or message["user"] == actor.client.user_id)
        ]
        return self.chance.choice(found) if found else None

    def someone(self) -> ChatClient:
        return self.chance.choice(self.actors).client

    async def call(self, actor: Model, method: str, **arguments: str) -> bool:
        reply = await actor.client.call(method, **arguments)
        assert reply["ok"] or reply["error"] in POSSIBLE, (method, arguments, reply)
        return bool(reply["ok"])


POSSIBLE = {
    *("already_reacted", "no_reaction", "already_in_channel", "cant_leave_general", "method_not_supported_for_channel_type"),
    *("restricted_action", "user_is_restricted", "user_not_visible", "is_archived", "is_inactive", "already_pinned", "not_authorized"),
    *("cant_archive_general", "already_archived", "not_archived", "cant_kick_self", "cant_kick_from_general", "last_member"),
    *("cant_update_message", "cant_invite_self", "user_not_found", "not_in_channel", "cant_delete_message", "permission_denied"),
    "channel_not_found",
}
Act = Callable[[Play, Model], Awaitable[bool]]


async def posts(play: Play, actor: Model) -> bool:
    channel, _ = play.room(actor)
    return await play.call(actor, "chat.postMessage", channel=channel, text=f"n{play.chance.random()}")


async def posts_again(play: Play, actor: Model) -> bool:
    channel, _ = play.room(actor)
    said = {"channel": channel, "text": "once", "client_msg_id": str(play.chance.random())}
    return await play.call(actor, "chat.postMessage", **said) and await play.call(actor, "chat.postMessage", **said)


async def replies(play: Play, actor: Model) -> bool:
    found = play.message(actor)
    broadcast = play.chance.choice(["true", "false"])
    return found is not None and await play.call(
        actor, "chat.postMessage", channel=found[0], thread_ts=found[1], text="re", reply_broadcast=broadcast
    )


async def edits(play: Play, actor: Model) -> bool:
    found = play.message(actor, own=True)
    return found is not None and await play.call(actor, "chat.update", channel=found[0], ts=found[1], text=f"e{play.chance.random()}")


async def deletes(play: Play, actor: Model) -> bool:
    found = play.message(actor, own=True)
    return found is not None and await play.call(actor, "chat.delete", channel=found[0], ts=found[1])


async def reacts(play: Play, actor: Model) -> bool:
    found = play.message(actor)
    return found is not None and await play.call(
        actor, "reactions.add", channel=found[0], timestamp=found[1], name=play.chance.choice(EMOJI)
    )


async def takes_back(play: Play, actor: Model) -> bool:
    me = actor.client.user_id
    found = [
        (channel, ts, reaction["name"])
        for channel, room in sorted(actor.books.rooms.items())
        for ts, message in sorted(room.messages.items())
        for reaction in message.get("reactions", [])
        if me in reaction["users"]
    ]
    if not found:
        return False
    channel, ts, name = play.chance.choice(found)
    return await play.call(actor, "reactions.remove", channel=channel, timestamp=ts, name=name)


async def creates(play: Play, actor: Model) -> bool:
    name = f"c{play.chance.randrange(10**9)}"
    return await play.call(actor, "conversations.create", name=name, is_private=play.chance.choice(["true", "false"]))


async def joins(play: Play, actor: Model) -> bool:
    found = sorted(actor.books.elsewhere)
    return bool(found) and await play.call(actor, "conversations.join", channel=play.chance.choice(found))


async def leaves(play: Play, actor: Model) -> bool:
    return await play.call(actor, "conversations.leave", channel=play.room(actor)[0])


async def invites(play: Play, actor: Model) -> bool:
    return await play.call(actor, "conversations.invite", channel=play.room(actor)[0], users=play.someone().user_id)


async def opens(play: Play, actor: Model) -> bool:
    others = {play.someone().user_id for _ in range(play.chance.choice([1, 2]))}
    return await play.call(actor, "conversations.open", users=",".join(sorted(others)))


async def marks(play: Play, actor: Model) -> bool:
    found = play.message(actor)
    return found is not None and await play.call(actor, "conversations.mark", channel=found[0], ts=found[1])


async def changes_profile(play: Play, actor: Model) -> bool:
    return await play.call(actor, "users.profile.set", name="status_text", value=f"s{play.chance.random()}")


async def adds_a_user(play: Play, actor: Model) -> bool:
    await play.acme.command("user.add", email=f"u{play.chance.randrange(10**9)}@example.com", name="new")
    return True


async def groups_users(play: Play, actor: Model) -> bool:
    known = sorted(actor.books.usergroups)
    if known and play.chance.random() < 0.3:
        return await play.call(actor, "usergroups.update", usergroup=play.chance.choice(known), description=f"d{play.chance.random()}")
    if known and play.chance.random() < 0.7:
        users = ",".join(sorted({play.someone().user_id, play.acme.owner.user_id}))
        return await play.call(actor, "usergroups.users.update", usergroup=play.chance.choice(known), users=users)
    name = f"g{play.chance.randrange(10**9)}"
    return await play.call(actor, "usergroups.create", name=name, handle=name)


async def sets_a_note(play: Play, actor: Model) -> bool:
    said = f"t{play.chance.randrange(3)}"
    if play.chance.random() < 0.5:
        return await play.call(actor, "conversations.setTopic", channel=play.room(actor)[0], topic=said)
    return await play.call(actor, "conversations.setPurpose", channel=play.room(actor)[0], purpose=said)


async def renames(play: Play, actor: Model) -> bool:
    return await play.call(actor, "conversations.rename", channel=play.room(actor)[0], name=f"r{play.chance.randrange(10**9)}")


async def archives(play: Play, actor: Model) -> bool:
    return await play.call(actor, "conversations.archive", channel=play.room(actor)[0])


async def unarchives(play: Play, actor: Model) -> bool:
    found = sorted(channel for channel, room in actor.books.rooms.items() if room.face["is_archived"])
    found += sorted(channel for channel, face in actor.books.elsewhere.items() if face["is_archived"])
    return bool(found) and await play.call(actor, "conversations.unarchive", channel=play.chance.choice(found))


async def kicks(play: Play, actor: Model) -> bool:
    return await play.call(actor, "conversations.kick", channel=play.room(actor)[0], user=play.someone().user_id)


async def closes(play: Play, actor: Model) -> bool:
    found = sorted(channel for channel, room in actor.books.rooms.items() if "is_open" in room.face)
    return bool(found) and await play.call(actor, "conversations.close", channel=play.chance.choice(found))


async def pins(play: Play, actor: Model) -> bool:
    found = play.message(actor)
    return found is not None and await play.call(actor, "pins.add", channel=found[0], timestamp=found[1])


async def unpins(play: Play, actor: Model) -> bool:
    found = [(channel, ts) for channel, room in sorted(actor.books.rooms.items()) for ts in sorted(room.pins)]
    if not found:
        return False
    channel, ts = play.chance.choice(found)
    return await play.call(actor, "pins.remove", channel=channel, timestamp=ts)


async def bookmarks(play: Play, actor: Model) -> bool:
    channel, room = play.room(actor)
    said = {"channel_id": channel, "title": f"b{play.chance.random()}"}
    if not room.bookmarks:
        return await play.call(actor, "bookmarks.add", **said, type="link", link="https://example.com/")
    known = play.chance.choice(sorted(room.bookmarks))
    return await play.call(actor, play.chance.choice(["bookmarks.edit", "bookmarks.remove"]), **said, bookmark_id=known)


async def tells_all(play: Play, actor: Model) -> bool:
    """A reply of one's own is broadcast later."""
    me = actor.client.user_id
    found = [
        (channel, ts)
        for channel, room in sorted(actor.books.rooms.items())
        for ts, message in sorted(room.messages.items())
        if message["user"] == me and message.get("thread_ts", ts) != ts and "subtype" not in message
    ]
    if not found:
        return False
    channel, ts = play.chance.choice(found)
    return await play.call(actor, "chat.update", channel=channel, ts=ts, reply_broadcast="true")


async def waves(play: Play, actor: Model) -> bool:
    return await play.call(actor, "chat.meMessage", channel=play.room(actor)[0], text="waves")


async def decorates(play: Play, actor: Model) -> bool:
    found = play.message(actor, own=True)
    blocks = play.chance.choice(["[]", '[{"type":"divider","block_id":"d"}]'])
    return found is not None and await play.call(actor, "chat.update", channel=found[0], ts=found[1], text="x", blocks=blocks)


ACTS: tuple[Act, ...] = (
    tells_all, tells_all, waves, decorates,
    posts, posts, posts, posts_again, replies, replies, replies, edits, deletes, deletes, reacts, reacts, takes_back,
    creates, joins, leaves, invites, opens, marks, marks, changes_profile, adds_a_user, groups_users,
    sets_a_note, sets_a_note, renames, archives, unarchives, unarchives, kicks, closes, closes, pins, pins, unpins, bookmarks, bookmarks,
)  # fmt: skip


async def a_listener(acme: Workspace, client: ChatClient) -> Listener:
    """All is read when it begins."""
    assert acme.workload.sessions is not None
    subject = subject_of(client.user_id, token_id_of(hash_of(client.token)))
    async with acme.tenant.reading() as connection:
        groups = await acme.workload.sessions.groups(connection, acme.scope, [subject])
    return Listener(Model(client, await read_afresh(client)), {"*", client.user_id, *groups[subject]})


def difference(told: Any, read: Any, path: str = "") -> list[str]:
    """Each place where what events told is not what a read shows."""
    if not (isinstance(told, dict) and isinstance(read, dict)):
        return [] if told == read else [f"{path}: told {told!r}, read {read!r}"]
    names = sorted(told.keys() | read.keys())
    return [line for name in names for line in difference(told.get(name), read.get(name), f"{path}/{name}")]


@pytest.mark.parametrize("seed", range(3))
async def test_what_events_tell_is_what_is_read(cell_database: FreshDatabase, seed: int) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ann, outsider = await acme.add("ann"), await acme.add("outsider")
        first = (await acme.owner.call("chat.postMessage", channel=acme.general, text="welcome"))["ts"]
        guest = await acme.add("guest", role="guest")
        await acme.owner.call("conversations.invite", channel=acme.general, users=guest.user_id)
        clients = (acme.owner, ann, acme.bot, guest, outsider)
        for client in clients:
            await client.call("conversations.mark", channel=acme.general, ts=first)
        listeners = [await a_listener(acme, client) for client in clients]
        play = Play(acme, random.Random(seed), [listener.model for listener in listeners[:-1]])
        head = await acme.head()
        for number in range(CHANGES):
            await play.step()
            for listener in listeners:
                await listener.hear(acme, head)
            head = await acme.head()
            if number % CHANGES_BETWEEN_READS == 0 or number == CHANGES - 1:
                for listener in listeners:
                    fresh = await read_afresh(listener.model.client)
                    told, read = asdict(listener.model.books), asdict(fresh)
                    if listener.model.client is guest:  # whom guests see follows from who comes into their channels: they ask anew
                        told["users"] = read["users"] = {}
                    assert difference(told, read) == [], (listener.model.client.user_id, number)
