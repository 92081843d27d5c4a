"""permissions.csv: what each method answers to people of every standing, and to tokens that open nothing. The table is whole."""

import csv
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cells.chat.slack.methods import all_methods
from cells.chat.slack.registry import JSON
from tests.contract import askings  # noqa: F401 - it fills the register
from tests.contract.fuzzed import multipart
from tests.contract.stage import ASKED, PEOPLE, Stage, a_stage
from tests.harness.chat import ChatClient, HttpReply, a_chat
from tests.harness.databases import FreshDatabase

METHODS = all_methods()
TABLE = Path(__file__).with_name("permissions.csv")
COLUMNS = [*PEOPLE, "without_scope", "other_workspace", "deactivated"]
Row = dict[str, str]
ADDRESSES = count(1)
"""Attempts to sign in are counted by where they come from; nobody here makes two."""


def rows() -> dict[tuple[str, str], Row]:
    with TABLE.open() as file:
        return {(row.pop("method"), row.pop("case")): row for row in csv.DictReader(file)}


def askers(stage: Stage, method: str) -> Iterator[tuple[str, ChatClient]]:
    yield from stage.people.items()
    yield "without_scope", stage.without_scope(METHODS[method].scopes)
    yield from stage.outsiders.items()


async def sent(client: ChatClient, method: str, arguments: dict[str, Any]) -> HttpReply:
    if JSON in METHODS[method].content_types:
        return await client.json(method, arguments)
    return await client.raw(method, *multipart(arguments))


async def answers(stage: Stage, method: str, case: str) -> Row:
    """The word that each gets; the outsiders ask for what is right for the owner."""
    said: Row = {}
    arguments = {}
    for name, client in askers(stage, method):
        if name in PEOPLE:
            arguments = await ASKED[method, case](stage, client)
        client.address = f"192.0.2.{next(ADDRESSES)}"
        reply = (await sent(client, method, arguments)).json
        said[name] = "ok" if reply["ok"] else reply["error"]
    return said


def test_the_table_has_every_method_and_nothing_else() -> None:
    table = rows()
    assert sorted(set(METHODS) - {method for method, _ in table}) == []
    assert sorted(set(table) - set(ASKED)) == sorted(set(ASKED) - set(table)) == []


@pytest.mark.anyio
@pytest.mark.lasts(230)
async def test_everyone_gets_the_answer_of_the_table(cell_database: FreshDatabase) -> None:
    wrong = []
    async with a_chat(cell_database) as chat:
        stage = await a_stage(chat)
        for (method, case), expected in rows().items():
            said = await answers(stage, method, case)
            wrong += [
                f"{method} ({case}): {name} got {said[name]}, not {expected[name]}" for name in COLUMNS if said[name] != expected[name]
            ]
    assert wrong == []
