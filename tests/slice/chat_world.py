"""A small workspace that refusals and successes are shown in, and the register of what has been shown."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.harness.chat import Chat, ChatClient, Workspace
from tests.harness.workspaces import execute

Reply = dict[str, Any]


@dataclass(frozen=True)
class World:
    chat: Chat
    acme: Workspace
    ann: ChatClient
    dev: str
    """The owner's and the bot's channel; ann is not in it."""
    hidden: str
    """The owner's own private channel."""
    ts: str
    """A message of the owner in `dev`."""

    @property
    def owner(self) -> ChatClient:
        return self.acme.owner

    @property
    def bot(self) -> ChatClient:
        return self.acme.bot

    async def archive(self, channel: str) -> None:
        await execute(self.chat.databases.owner_url, *self._set("channels SET archived = true WHERE channel_id = $2", channel))

    async def disable(self, user_id: str) -> None:
        await execute(self.chat.databases.owner_url, *self._set("users SET deleted = true WHERE user_id = $2", user_id))

    def _set(self, what: str, value: str) -> tuple[str, str, str]:
        return f"UPDATE {what} AND workspace_id = $1", self.acme.scope.workspace_id, value


async def a_world(chat: Chat) -> World:
    acme = await chat.found("acme")
    ann = await acme.add("ann")
    dev = (await acme.owner.call("conversations.create", name="dev"))["channel"]["id"]
    hidden = (await acme.owner.call("conversations.create", name="hidden", is_private="true"))["channel"]["id"]
    await acme.bot.call("conversations.join", channel=dev)
    ts = (await acme.owner.call("chat.postMessage", channel=dev, text="first"))["ts"]
    return World(chat, acme, ann, dev, hidden, ts)


Show = Callable[[World], Awaitable[Reply]]
SUCCESSES: dict[str, list[Show]] = {}
REFUSALS: dict[tuple[str, str], Show] = {}


def succeeds(method: str) -> Callable[[Show], Show]:
    def keep(show: Show) -> Show:
        SUCCESSES.setdefault(method, []).append(show)
        return show

    return keep


def refuses(code: str, *methods: str) -> Callable[[Callable[[World, str], Awaitable[Reply]]], None]:
    """`show` gets the method, so that one showing may serve several."""

    def keep(show: Callable[[World, str], Awaitable[Reply]]) -> None:
        for method in methods:
            REFUSALS[method, code] = lambda world, method=method: show(world, method)  # type: ignore[misc]

    return keep
