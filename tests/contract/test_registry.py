"""What the registry declares is what the page, the list and the answers show."""

from pathlib import Path

import msgspec
import pytest

from cells.chat.domain.tokens.scopes import SCOPES
from cells.chat.slack.listing import listing_of
from cells.chat.slack.methods import all_methods
from cells.chat.slack.pages import page
from cells.chat.slack.registry import CONTENT_TYPES
from cells.chat.slack.summaries import SUMMARIES
from tests.harness.chat import a_chat, exchange
from tests.harness.databases import FreshDatabase

METHODS = all_methods()
PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
OF_APPS = ("apps.", "oauth.", "openid.", "views.")


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(METHODS), "run `make methods`"


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_declaration_is_whole(name: str) -> None:
    method = METHODS[name]
    assert name in SUMMARIES, "cells/chat/slack/summaries.py has no line for it"
    assert set(method.scopes) <= set(SCOPES), "a token cannot be given such a scope"
    assert set(method.content_types) <= set(CONTENT_TYPES) and method.content_types
    assert len({error.code for error in method.errors}) == len(set(method.errors)), "one word is declared by two errors"


def test_no_line_is_about_a_method_that_is_gone() -> None:
    assert sorted(set(SUMMARIES) - set(METHODS)) == []


def test_methods_of_apps_are_not_served() -> None:
    assert [name for name in METHODS if name.startswith(OF_APPS)] == []


@pytest.mark.anyio
async def test_the_list_is_public_and_says_what_is_declared(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        reply = await exchange(acme.workload.app, acme.tenant, "GET", "/api/_methods", b"", [], b"")
    assert reply.json == msgspec.json.decode(msgspec.json.encode(listing_of(METHODS)))
    post = next(method for method in reply.json["methods"] if method["name"] == "chat.postMessage")
    assert (post["scopes"], post["tier"], post["needs_token"]) == (["chat:write"], "special", True)
    assert {"name": "channel", "type": "string", "required": True} in post["arguments"]
    assert "channel_not_found" in post["errors"] and "application/json" in post["content_types"]
