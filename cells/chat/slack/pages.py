"""`python -m cells.chat.slack.pages` prints docs/methods.md, made of the registry (`make methods`)."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from cells.chat.slack.listing import listed
from cells.chat.slack.methods import all_methods
from cells.chat.slack.registry import Method

HEAD = """# Methods

Made by `make methods` from the declarations in `cells/chat/slack/`; `GET /api/_methods` answers with the same list as JSON, without a
token. How to call, what any method may answer with, and what differs from Slack: [slack-api.md](slack-api.md).

*Scopes*: any one of them opens the method; `missing_scope` may still come once the kind of the conversation is known. *Calls*: a minute in
the long run, and at once, for each app (or person) and workspace; then HTTP 429 with `Retry-After`. An argument in bold is required;
those without a type are strings; *json* is a list or an object, in a form as JSON text. *Words*: what `error` may hold, beside the words of
the wire.
"""
COLUMNS = ("method", "what it does", "scopes", "calls", "arguments", "words")


def page(methods: Mapping[str, Method]) -> str:
    """A table for each family; methods by name."""
    return "\n".join([HEAD, *_families(methods)]) + "\n"


def _families(methods: Mapping[str, Method]) -> Iterator[str]:
    for family, names in groupby(sorted(methods), key=lambda name: name.partition(".")[0]):
        yield f"## {family}\n\n{_row(*COLUMNS)}\n{_row(*('---' for _ in COLUMNS))}"
        yield from (_method(methods[name]) for name in names)
        yield ""


def _method(method: Method) -> str:
    facts = listed(method)
    calls = f"{facts['calls_per_minute']}/min, {facts['burst']} at once"
    scopes = _words(facts["scopes"]) or ("any token" if method.needs_token else "no token")
    arguments = ", ".join(_argument(**argument) for argument in facts["arguments"])
    return _row(method.name, method.summary, scopes, calls, arguments, _words(facts["errors"]))


def _argument(name: str, type: str, *, required: bool, **_: Any) -> str:
    shown = f"**{name}**" if required else name
    return shown if type == "string" else f"{shown} *{type}*"


def _words(words: list[str]) -> str:
    return " ".join(f"`{word}`" for word in words)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell or '-' for cell in cells)} |"


if __name__ == "__main__":
    print(page(all_methods()), end="")
