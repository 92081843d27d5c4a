"""Whatever is sent, the answer is Slack-shaped: no exception leaves the app, and no word that was not declared."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cells.chat.slack.methods import all_methods
from tests.harness.chat import a_chat
from tests.harness.databases import FreshDatabase

METHODS = all_methods()
WIRE = {"invalid_arguments", "invalid_json", "json_not_object", "invalid_form_data", "invalid_post_type", "missing_post_type"}
FUZZED = sorted(set(METHODS) - {"api.test"})
EXAMPLES = 300
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["1700000000.000001", "99999999999.999999", "U0000000000", "C0000000000", "#general", "=", "dXNlcjpVMQ==", "\ud800", "a\x00"]
    )
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8
)
names = st.sampled_from(sorted({field for method in METHODS.values() for field in method.arguments.__struct_fields__}))
arguments = st.dictionaries(names, values, max_size=6)
Attempt = tuple[str, dict[str, Any], bytes, str]
attempts = st.tuples(
    st.sampled_from(FUZZED),
    arguments,
    st.binary(max_size=200),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]),
)


def test_any_arguments_get_a_declared_answer(cell_database: FreshDatabase) -> None:
    """One workspace for all examples; JSON arguments, the same as a form where it can be one, and bytes of any kind."""
    with asyncio.Runner() as runner:
        context = a_chat(cell_database)
        chat = runner.run(context.__aenter__())
        acme = runner.run(chat.found("acme"))

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(attempts)
        def attempt(given: Attempt) -> None:
            method, fields, body, content_type = given
            known = {error.code for error in METHODS[method].errors} | WIRE
            channel = {"channel": acme.general} if len(body) % 2 else {}
            replies = [
                runner.run(acme.owner.json(method, {**channel, **fields})),
                runner.run(acme.owner.raw(method, body, content_type or None)),
                runner.run(acme.owner.raw(method, b"", None, verb="GET", query=body)),
            ]
            for reply in replies:
                assert reply.status == 200
                assert reply.json["ok"] or reply.json["error"] in known, (method, reply.json)

        try:
            attempt()
        finally:
            runner.run(context.__aexit__(None, None, None))


@pytest.mark.anyio
async def test_text_comes_back_as_it_was_said(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        for said in ("ü\u2028😀'\"\\{}%s $1 :x", "<script>", "a\r\n\tb", "\u0001", "NULL", "{}", ",", " "):
            posted = (await acme.owner.json("chat.postMessage", {"channel": acme.general, "text": said})).json
            read = await acme.owner.call("conversations.history", channel=acme.general, limit=1)
            assert posted["message"]["text"] == said == read["messages"][0]["text"]
