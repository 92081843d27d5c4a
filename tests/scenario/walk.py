"""The scenario by slack_sdk, waited for or not.

`python -m tests.scenario.walk BASE OWNER_TOKEN BOT_TOKEN MEMBER_TOKEN` prints the answers, one JSON object a line.
"""

import asyncio
import inspect
import json
import re
import sys
import time
import urllib.request
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

STEPS = Path(__file__).with_name("steps.jsonl")
Step = dict[str, Any]
Line = dict[str, Any]


def steps() -> list[Step]:
    """One a line: what is called (`call`, or `upload`, `send`, `load`, `pages`), by whom, with what, which word refuses it, what is kept of
    the answer under which name.
    """
    return [json.loads(line) for line in STEPS.read_text().splitlines()]


def first_names() -> dict[str, Any]:
    content = "a file's first line\nand its second\n"
    return {"in_an_hour": int(time.time()) + 3_600, "content": content, "length": len(content)}


class Walk:
    """`clients` by who they speak for; all of one kind."""

    def __init__(self, clients: Mapping[str, WebClient | AsyncWebClient]) -> None:
        self._clients = clients
        self._names = first_names()

    async def through(self, wanted: list[Step]) -> list[Line]:
        lines = []
        for step in wanted:
            answer = await self._take(step)
            lines.append({"method": _what(step), "response": answer})
            if answer["ok"]:
                self._names |= {name: _found(answer, path) for name, path in step.get("keep", {}).items()}
        return lines

    async def _take(self, step: Step) -> Any:
        client, arguments = self._clients[step.get("by", "bot")], self._filled(step.get("with", {}))
        if "send" in step:
            return await asyncio.to_thread(_sent, arguments["url"], arguments["content"].encode())
        if "load" in step:
            return await asyncio.to_thread(_loaded, arguments["url"], client.token or "", arguments["content"].encode())
        if "pages" in step:
            return await _paged(client, step["pages"], arguments)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # slack_sdk's advice: texts beside blocks, Slack's newer methods
                answer = _started(client, step, arguments)
                return (await answer if inspect.isawaitable(answer) else answer).data
        except SlackApiError as error:
            return error.response.data

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._filled(inner) for inner in value]
        if not isinstance(value, str):
            return value
        if re.fullmatch(r"\$\w+", value):
            return self._names.get(value[1:])
        return re.sub(r"\$\{(\w+)\}", lambda name: str(self._names.get(name[1])), value)


def _started(client: Any, step: Step, arguments: dict[str, Any]) -> Any:
    if "upload" in step:
        return client.files_upload_v2(**arguments)
    method = getattr(client, step["call"].replace(".", "_"), None)
    if method is None:
        return client.api_call(step["call"], json=arguments)
    return method(**arguments)


async def _paged(client: Any, method: str, arguments: dict[str, Any]) -> Line:
    """As its users do it: page after page by the cursor. The last page, and how many there were."""
    count, cursor, page = 0, "", {}
    while not count or cursor:
        answer = getattr(client, method.replace(".", "_"))(**arguments, cursor=cursor)
        page = (await answer if inspect.isawaitable(answer) else answer).data
        count, cursor = count + 1, page["response_metadata"]["next_cursor"]
    return page | {"ok": count > 1}


def _sent(url: str, content: bytes) -> Line:
    with urllib.request.urlopen(urllib.request.Request(url, content), timeout=30) as answer:
        return {"ok": True, "text": answer.read().decode()}


def _loaded(url: str, token: str, as_long: bytes) -> Line:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"}), timeout=30) as answer:
        return {"ok": answer.read() == as_long}


def _what(step: Step) -> str:
    return str(next(step[kind] for kind in ("call", "upload", "send", "load", "pages") if kind in step))


def _found(answer: Any, path: str) -> Any:
    for key in path.split("."):
        answer = answer[int(key)] if isinstance(answer, list) else answer[key]
    return answer


def main(base: str, **tokens: str) -> None:
    clients = {who: WebClient(token, base_url=base) for who, token in tokens.items()}
    for line in asyncio.run(Walk(clients).through(steps())):
        print(json.dumps(line))


if __name__ == "__main__":
    main(sys.argv[1], owner=sys.argv[2], bot=sys.argv[3], member=sys.argv[4])
