"""One client that posts in one channel over one connection, each post after the answer to the last."""

import asyncio
import json
import re
import time
from dataclasses import dataclass

from bench.load import http_request
from tests.chaos.ledger import Posted

ANSWER_S_MAX = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One post as its client saw it, on the wall clock in microseconds, which moves are noted in too."""

    began_us: int
    ended_us: int

    @property
    def took_ms(self) -> float:
        return (self.ended_us - self.began_us) / 1000


class Line:
    def __init__(self, host: str, token: str, channel: str) -> None:
        self.host, self.token, self.channel = host, token, channel
        self.posted: list[Posted] = []
        self.asked: list[Asked] = []
        self.failed: list[str] = []
        self._number = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self) -> None:
        """One post, once: a client of Slack's that does not ask again would see the same."""
        self._number += 1
        text = f"{self.channel} {self._number}"
        body = json.dumps({"channel": self.channel, "text": text}).encode()
        began_us = time.time_ns() // 1000
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                answer = await self._ask(http_request("/api/chat.postMessage", self.host, self.token, body))
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            self.failed.append(f"{text}: {error!r}")
            await self.close()
            return
        self.asked.append(Asked(began_us, time.time_ns() // 1000))
        if answer.get("ok"):
            self.posted.append(Posted(self.channel, self._number, self.channel, text, str(answer["ts"])))
        else:
            self.failed.append(f"{text}: {answer}")

    async def _ask(self, request: bytes) -> dict[str, object]:
        reader, writer = await self._connected()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        if found is None:
            raise ValueError("an answer without content-length")
        answer: dict[str, object] = json.loads(await reader.readexactly(int(found[1])))
        return answer

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            host, _, port = self.host.partition(":")
            self._reader, self._writer = await asyncio.open_connection(host, int(port))
        return self._reader, self._writer

    async def close(self) -> None:
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.close()
