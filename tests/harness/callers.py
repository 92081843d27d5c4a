"""People of several workspaces who call without a pause, and what each was answered."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

EVERY_S = 0.05
ANSWER_S_MAX = 30.0


@dataclass
class Answers:
    """By workspace: how often it was answered with which status, or failed with which error."""

    of: dict[str, Counter[str]] = field(default_factory=dict)

    def wrong(self, workspace: str) -> int:
        return sum(count for said, count in self.of[workspace].items() if said != "200")


@asynccontextmanager
async def calling(api: str, tokens: Mapping[str, str]) -> AsyncIterator[Answers]:
    """`tokens` by workspace; one call after another for each, until the block ends."""
    answers, ending = Answers({name: Counter() for name in tokens}), asyncio.Event()
    timeout = aiohttp.ClientTimeout(total=ANSWER_S_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as callers:
        for name, token in tokens.items():
            callers.create_task(_call(session, f"{api}auth.test", token, answers.of[name], ending))
        try:
            yield answers
        finally:
            ending.set()


async def _call(session: aiohttp.ClientSession, url: str, token: str, said: Counter[str], ending: asyncio.Event) -> None:
    while not ending.is_set():
        try:
            async with session.post(url, headers={"Authorization": f"Bearer {token}"}) as reply:
                await reply.read()
                said[str(reply.status)] += 1
        except (aiohttp.ClientError, TimeoutError) as error:
            said[type(error).__name__] += 1
        try:
            async with asyncio.timeout(EVERY_S):
                await ending.wait()
        except TimeoutError:
            continue
