"""One workspace with a person of every standing, for the table of permissions: permissions.csv."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.harness.chat import Chat, ChatClient, Workspace
from tests.harness.workspaces import execute

Arguments = dict[str, Any]
numbers = count(1)
PEOPLE = ("owner", "admin", "member", "guest")
"""They are in every channel of the stage."""


@dataclass(frozen=True)
class Stage:
    chat: Chat
    acme: Workspace
    people: Mapping[str, ChatClient]
    outsiders: Mapping[str, ChatClient]
    """Tokens that open nothing: of another workspace, of somebody who was switched off."""
    scopeless: tuple[ChatClient, ChatClient]
    """The bot, with two scopes that have no method in common."""
    shared: dict[bool, str] = field(default_factory=dict)

    @property
    def owner(self) -> ChatClient:
        return self.people["owner"]

    def without_scope(self, scopes: tuple[str, ...]) -> ChatClient:
        return self.scopeless[1 if SCOPES_WITHOUT[0] in scopes else 0]

    def now_s(self) -> int:
        return int(time.time())

    async def do(self, client: ChatClient, method: str, **arguments: Any) -> dict[str, Any]:
        reply = (await client.json(method, arguments)).json
        assert reply["ok"], (method, arguments, reply)
        return reply

    async def channel(self, *, private: bool = False) -> str:
        """A new one of the owner's, with everybody and the bot in it."""
        made = await self.do(self.owner, "conversations.create", name=f"stage-{next(numbers)}", is_private=private)
        channel = str(made["channel"]["id"])
        others = [client.user_id for name, client in self.people.items() if name != "owner"]
        await self.do(self.owner, "conversations.invite", channel=channel, users=[*others, self.acme.bot.user_id])
        return channel

    async def commons(self, *, private: bool = False) -> str:
        """A channel like `channel`, the same each time: for what changes nothing of the channel itself."""
        if private not in self.shared:
            self.shared[private] = await self.channel(private=private)
        return self.shared[private]

    async def message(self, channel: str, author: ChatClient | None = None, text: str = "x") -> str:
        return str((await self.do(author or self.owner, "chat.postMessage", channel=channel, text=text))["ts"])


SCOPES_WITHOUT = ("team:read", "dnd:read")


async def a_stage(chat: Chat) -> Stage:
    acme, globex = await chat.found("acme"), await chat.found("globex")
    people = {"owner": acme.owner}
    for role in PEOPLE[1:]:
        added = await acme.command("user.add", email=f"{role}@example.com", name=role, role=role)
        people[role] = acme.client(added["token"], added["user_id"])
    gone = await acme.add("gone")
    await execute(chat.databases.owner_url, "UPDATE users SET deleted = true WHERE user_id = $1", gone.user_id)
    stranger = ChatClient(acme.workload.app, acme.tenant, globex.owner.token)
    scopeless = [await acme.with_scopes(scope, bot=True) for scope in SCOPES_WITHOUT]
    return Stage(chat, acme, people, {"other_workspace": stranger, "deactivated": gone}, (scopeless[0], scopeless[1]))


Asking = Callable[[Stage, ChatClient], Awaitable[Arguments]]
ASKED: dict[tuple[str, str], Asking] = {}
"""By method and case: arguments that are right, made anew for whoever asks."""


def asks(*methods: str, case: str = "") -> Callable[[Asking], Asking]:
    def keep(asking: Asking) -> Asking:
        for method in methods:
            assert (method, case) not in ASKED
            ASKED[method, case] = asking
        return asking

    return keep
