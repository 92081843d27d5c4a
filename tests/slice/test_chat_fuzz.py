"""Text is kept as it was said, whatever it holds. What else may be sent: tests/contract/test_fuzz.py."""

import pytest

from tests.harness.chat import a_chat
from tests.harness.databases import FreshDatabase


@pytest.mark.anyio
async def test_text_comes_back_as_it_was_said(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        for said in ("ü\u2028😀'\"\\{}%s $1 :x", "<script>", "a\r\n\tb", "\u0001", "NULL", "{}", ",", " "):
            posted = (await acme.owner.json("chat.postMessage", {"channel": acme.general, "text": said})).json
            read = await acme.owner.call("conversations.history", channel=acme.general, limit=1)
            assert posted["message"]["text"] == said == read["messages"][0]["text"]
