"""Whatever is sent to any method, the answer is Slack-shaped: no exception, no word that was not declared, nothing of others."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cells.chat.slack.methods import all_methods
from tests.contract.fuzzed import arguments_of, bodies
from tests.harness.chat import ChatClient, HttpReply, Workspace, a_chat
from tests.harness.databases import FreshDatabase

METHODS = all_methods()
FUZZED = sorted(set(METHODS) - {"api.test"})
EXAMPLES = 5
"""Of each method, each sent in three ways."""
SHARE = 4
"""Each method gets one of so many parts of the broken bodies: bodies are read before a method is looked for."""
WIRE = {"invalid_arguments", "invalid_json", "json_not_object", "invalid_form_data", "invalid_post_type", "missing_post_type"}
THEIRS = "zebrafish"
"""Is in everything that the other workspace holds, and in nothing that is asked."""


@dataclass(frozen=True)
class Fuzzing:
    runner: asyncio.Runner
    acme: Workspace
    live: dict[str, list[str]]

    def client(self) -> ChatClient:
        """With a token of its own: a method may take it back."""
        made = self.runner.run(self.acme.command("token.create"))
        return self.acme.client(made["token"])

    def judge(self, method: str, asked: Any, reply: HttpReply) -> None:
        known = {error.code for error in METHODS[method].errors} | WIRE
        said = reply.json
        assert reply.status == 200 or said["error"] == "too_many_attempts", (method, asked, reply.status)
        assert said["ok"] or said["error"] in known | {"token_revoked"}, (method, asked, said)
        assert {"x-oauth-scopes", "x-accepted-oauth-scopes"} <= reply.headers.keys(), (method, asked)
        assert THEIRS not in reply.body.decode() and "Traceback" not in reply.body.decode(), (method, asked)


async def inhabited(workspace: Workspace, mark: str) -> dict[str, list[str]]:
    """Something of every kind, and what names it."""
    owner = workspace.owner
    private = await made(owner, "conversations.create", "channel.id", name=f"{mark}-private", is_private="1")
    public = await made(owner, "conversations.create", "channel.id", name=f"{mark}-public")
    places, people = [workspace.general, private, public], [owner.user_id, (await workspace.add(mark)).user_id, workspace.bot.user_id]
    said = [await made(owner, "chat.postMessage", "ts", channel=channel, text=mark) for channel in (private, public)]
    link = {"channel_id": private, "title": mark, "type": "link", "link": f"https://{mark}.example.com/"}
    later = {"channel": private, "text": mark, "post_at": str(int(time.time()) + 86_400)}
    kept = {
        "usergroup": await made(owner, "usergroups.create", "usergroup.id", name=f"{mark} group"),
        "file": await made(owner, "files.upload", "file.id", content=mark, filename=f"{mark}.txt", channels=private),
        "bookmark_id": await made(owner, "bookmarks.add", "bookmark.id", **link),
        "reminder": await made(owner, "reminders.add", "reminder.id", text=mark, time=later["post_at"]),
        "scheduled_message_id": await made(owner, "chat.scheduleMessage", "scheduled_message_id", **later),
    }
    of_places = dict.fromkeys(("channel", "channel_id", "channel_ids", "channels"), places)
    of_times = dict.fromkeys(("ts", "timestamp", "thread_ts", "message_ts", "oldest", "latest"), said)
    of_people = dict.fromkeys(("user", "users", "user_id"), people)
    words = {"name": ["smile"], "text": ["hello"], "cursor": [""], "query": ["hello", "in:#general"]}
    return {**of_places, **of_times, **of_people, **words, **{name: [value] for name, value in kept.items()}}


async def made(client: ChatClient, method: str, path: str, **arguments: str) -> str:
    """What the answer holds at the path."""
    reply = await client.call(method, **arguments)
    assert reply["ok"], (method, reply)
    found: Any = reply
    for key in path.split("."):
        found = found[key]
    return str(found)


@contextmanager
def fuzzing(databases: FreshDatabase) -> Iterator[Fuzzing]:
    with asyncio.Runner() as runner:
        context = a_chat(databases)
        chat = runner.run(context.__aenter__())
        try:
            acme, globex = runner.run(chat.found("acme")), runner.run(chat.found("globex"))
            own = runner.run(inhabited(acme, "ours"))
            theirs = runner.run(inhabited(globex, THEIRS))
            mixed = {name: [*values, *(value for value in theirs[name] if THEIRS not in value)] for name, values in own.items()}
            yield Fuzzing(runner, acme, mixed)
        finally:
            runner.run(context.__aexit__(None, None, None))


@pytest.mark.lasts(230)
def test_any_arguments_get_a_declared_answer(cell_database: FreshDatabase) -> None:
    with fuzzing(cell_database) as stage:
        for name in FUZZED:
            throw_arguments(stage, name)


def throw_arguments(stage: Fuzzing, name: str) -> None:
    client = stage.client()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)
    @given(arguments_of(METHODS[name], stage.live), st.binary(max_size=100))
    def attempt(fields: dict[str, Any], noise: bytes) -> None:
        stage.judge(name, fields, stage.runner.run(client.json(name, fields)))
        stage.judge(name, fields, stage.runner.run(client.form(name, printable(fields))))
        stage.judge(name, noise, stage.runner.run(client.raw(name, b"", None, verb="GET", query=noise)))

    attempt()


def printable(fields: dict[str, Any]) -> dict[str, Any]:
    """A form cannot hold lone surrogates."""
    return {name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value for name, value in fields.items()}


@pytest.mark.lasts(230)
def test_bodies_that_are_none_get_a_declared_answer(cell_database: FreshDatabase) -> None:
    with fuzzing(cell_database) as stage:
        broken = list(bodies())
        for number, name in enumerate(FUZZED):
            client = stage.client()
            for content_type, body in broken[number % SHARE :: SHARE]:
                stage.judge(name, (content_type, body[:80]), stage.runner.run(client.raw(name, body, content_type)))
