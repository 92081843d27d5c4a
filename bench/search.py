"""Searching a workspace of 1,000,000 messages through the edge, with OpenSearch and with PostgreSQL, the same questions for both.

The platform is this suite's own: it must know its OpenSearch from the start. Messages and what engines keep of them are put there
by the engines' own code, but not one by one through the log: how fast that goes is a figure of its own.
"""

import asyncio
import itertools
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.crowd import Crowd
from bench.load import NextRequest, Tally, closed_loop, http_request
from bench.report import Report
from bench.setting import Setting
from cells.chat.domain.searching.saying import Said, message_document
from cells.chat.search.hits import Batch, Document, EngineUnavailable
from cells.chat.search.opensearch import Cluster
from cells.chat.search.opensearch_index import Names
from cells.chat.search.opensearch_store import Shelf
from cells.chat.search.tsquery import vector_of
from chassis.clock import SystemClock
from chassis.identity import workspace_of_token
from control_plane.provision.postgres import Postgres
from control_plane.provision.processes import free_port
from tests.harness.opensearch import Node, a_node
from tests.harness.platform import Platform

MESSAGES = int(os.environ.get("WAGGLE_BENCH_SEARCH_MESSAGES", "1000000"))
CHANNELS, HIDDEN_CHANNELS, PEOPLE, WORDS = 250, 50, 1_000, 100_000
DAYS = 45
PAGE = 5_000
CLIENTS = (1, 4, 8)
SECONDS = 10.0
BAR_MS = 200.0
PUT_ATTEMPTS, PUT_AGAIN_S = 30, 6.0
CELL = "cell-1"


async def measure(_: Setting, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="waggle-bench-search-") as folder:
        (Path(folder) / "opensearch").mkdir()
        with a_node(Path(folder) / "opensearch") as node:
            given = {"WAGGLE_CELL_OPENSEARCH_URL": node.url, "WAGGLE_CELL_RATE_LIMITS": "0"}
            platform = Platform(Path(folder) / "home", free_port(), given)
            platform.up(1)
            try:
                made = platform.workspace("search", cell=CELL)
                await _measure(Setting(platform, made["tokens"]["owner"], made["tokens"]["bot"], CELL), node, report)
            finally:
                platform.down()


async def _measure(setting: Setting, node: Node, report: Report) -> None:
    talk = Talk(random.Random(1))
    workspace = str(workspace_of_token(setting.owner))
    library = Library(setting, workspace, node)
    await library.open()
    began_s = time.perf_counter()
    await library.fill(talk)
    report.add("messages searched", MESSAGES, "", detail=f"put there in {time.perf_counter() - began_s:.0f} s")
    await library.settle()
    for engine in ("opensearch", "postgres"):
        if engine == "postgres":
            node.kill()
        await closed_loop("127.0.0.1", setting.port, 4, 5.0, talk.asking(setting))
        before = await library.answers()
        for clients in CLIENTS:
            tally = await closed_loop("127.0.0.1", setting.port, clients, SECONDS, talk.asking(setting))
            _report(report, engine, clients, tally)
        after = await library.answers()
        share = (after[engine] - before[engine]) / max(1, sum(after.values()) - sum(before.values()))
        report.add(f"answered by {engine}", 100 * share, "%", at_least=100, detail="the rest by the other engine")
        for kind in talk.questions:
            tally = await closed_loop("127.0.0.1", setting.port, 2, 2.0, talk.asking(setting, kind))
            report.add(f"search p50, {engine}, 2 clients, {kind}", tally.quantile_ms(0.5), "ms", detail=_failed(tally))
    await library.close()


def _report(report: Report, engine: str, clients: int, tally: Tally) -> None:
    report.add(f"searches/s, {engine}, {clients} clients", tally.per_s, "1/s", detail=_failed(tally))
    report.add(f"search p50, {engine}, {clients} clients", tally.quantile_ms(0.5), "ms")
    report.add(f"search p99, {engine}, {clients} clients", tally.quantile_ms(0.99), "ms", at_most=BAR_MS if clients > 1 else None)


def _failed(tally: Tally) -> str:
    return f"{tally.failures} FAILED: {tally.first_failure}" if tally.failures else ""


class Talk:
    """Words as people use them: a few all the time, most hardly ever (Zipf)."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.words = [self._word(number) for number in range(WORDS)]
        self._weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(WORDS)))
        self.questions: dict[str, Callable[[], str]] = {
            "a rare word": lambda: self.words[dice.randrange(2_000, 60_000)],
            "a common word": lambda: self.words[dice.randrange(10)],
            "two words": lambda: f"{self.words[dice.randrange(300)]} {self.words[dice.randrange(5_000)]}",
            "a phrase": lambda: f'"{self.words[dice.randrange(40)]} {self.words[dice.randrange(40)]}"',
            "a prefix": lambda: f"{self.words[dice.randrange(100, 5_000)][:5]}*",
            "part of a word": lambda: f"*{self.words[dice.randrange(100, 5_000)][1:6]}*",
            "by someone": lambda: f"from:@u{dice.randrange(1, PEOPLE):010} {self.words[dice.randrange(100)]}",
            "in a channel, but not": lambda: f"in:#talk-{dice.randrange(CHANNELS)} {self.words[dice.randrange(50)]} -{self.words[3]}",
            "without spaces": lambda: self.characters(3),
            "with a link, this week": lambda: f"has:link during:week {self.words[dice.randrange(200)]}",
        }

    def _word(self, number: int) -> str:
        syllables = ("ka", "to", "mi", "ren", "shu", "bel", "dor", "fin", "gal", "hex", "jun", "lop", "nar", "pex", "qui", "vol")
        spelt = ""
        number += len(syllables)
        while number:
            number, at = divmod(number, len(syllables))
            spelt += syllables[at]
        return spelt

    def characters(self, count: int) -> str:
        return "".join(chr(0x4E00 + min(2_000, int(self._dice.paretovariate(0.6) * 20))) for _ in range(count))

    def text(self) -> str:
        words = self._dice.choices(self.words, cum_weights=self._weights, k=self._dice.randint(3, 18))
        chance = self._dice.random()
        if chance < 0.02:
            words.append(self.characters(self._dice.randint(4, 20)))
        elif chance < 0.07:
            words.append(f"<https://{words[0]}.example/{words[-1]}>")
        return " ".join(words)

    def messages(self, channels: Sequence[str], count: int, until_us: int) -> Iterator[Said]:
        step_us = DAYS * 86_400_000_000 // count
        for number in range(count):
            channel = channels[min(len(channels) - 1, int(self._dice.paretovariate(0.7)) - 1)]
            user = f"U{self._dice.randrange(1, PEOPLE):010}"
            yield Said(channel, until_us - (count - number) * step_us, user, self.text(), None, None, None)

    def asking(self, setting: Setting, kind: str = "") -> NextRequest:
        kinds = [kind] if kind else list(self.questions)

        def next_request(_: int) -> bytes:
            question = self.questions[self._dice.choice(kinds)]()
            return http_request("/api/search.messages", setting.host, setting.owner, json.dumps({"query": question}).encode())

        return next_request


@dataclass
class Library:
    """The workspace's rows and index, from outside of the cell's process."""

    setting: Setting
    workspace: str
    node: Node

    async def open(self) -> None:
        home = self.setting.platform.home
        port = json.loads((home / "ports.json").read_text())[f"{CELL}-postgres"]
        self._sql = await asyncpg.connect(Postgres(home / "cells" / CELL / "postgres", port).url())
        self._cluster = Cluster(self.node.url, Names(f"waggle-{CELL}"), SystemClock())
        self._shelf = Shelf(self._cluster, self.workspace, f"waggle-{CELL}-{self.workspace.lower()}-9")  # type: ignore[arg-type]
        await self._shelf.make()

    async def close(self) -> None:
        await self._sql.close()
        await self._cluster.close()

    async def fill(self, talk: Talk) -> None:
        await Crowd(self.setting).people(PEOPLE)
        channels = await self._channels()
        await self._sql.execute("DROP INDEX search_messages_words")
        until_us = int(time.time() * 1_000_000)
        for page in _pages(talk.messages(channels, MESSAGES, until_us)):
            documents = [message_document(said, 1) for said in page]
            await asyncio.gather(self._store(page, documents), self._put(documents))
        await self._sql.execute("CREATE INDEX search_messages_words ON search_messages USING gin (words) WITH (fastupdate = off)")
        words = "INSERT INTO search_words SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING"
        await self._sql.execute(words, self.workspace, talk.words)

    async def _channels(self) -> list[str]:
        names = [f"talk-{number}" for number in range(CHANNELS + HIDDEN_CHANNELS)]
        ids = [f"C{number:010}" for number in range(len(names))]
        kinds = ["public_channel"] * CHANNELS + ["private_channel"] * HIDDEN_CHANNELS
        mixed = [list(column) for column in zip(*random.Random(2).sample(list(zip(ids, names, kinds, strict=True)), len(ids)), strict=True)]
        await self._sql.execute(
            "INSERT INTO channels (workspace_id, channel_id, kind, name, creator_id, created_us, updated_us, topic, purpose, people)"
            " SELECT $1, r.c, r.k, r.n, 'U', 1, 1, '', '', '' FROM unnest($2::text[], $3::text[], $4::text[]) AS r(c, n, k)",
            self.workspace,
            *mixed,
        )
        return mixed[0]

    async def _store(self, page: Sequence[Said], documents: Sequence[Document]) -> None:
        rows = [(self.workspace, said.channel_id, said.ts_us, said.user_id, said.text, False) for said in page]
        columns = ["workspace_id", "channel_id", "ts_us", "user_id", "text", "broadcast"]
        await self._sql.copy_records_to_table("messages", records=rows, columns=columns)
        await self._sql.execute(
            "INSERT INTO search_messages SELECT $1, r.c, r.ts, r.ts, r.w::tsvector"
            " FROM unnest($2::text[], $3::bigint[], $4::text[]) AS r(c, ts, w) ON CONFLICT DO NOTHING",  # the indexer may have been there
            self.workspace,
            [document.place for document in documents],
            [document.ts_us for document in documents],
            [vector_of(document, self.workspace) for document in documents],
        )

    async def _put(self, documents: Sequence[Document]) -> None:
        """A busy machine makes it late; it is told again."""
        for _ in range(PUT_ATTEMPTS):
            try:
                await self._shelf.put(Batch(tuple(documents)), Batch())
            except EngineUnavailable:
                await asyncio.sleep(PUT_AGAIN_S)
            else:
                return
        raise RuntimeError("OpenSearch takes no documents")

    async def settle(self) -> None:
        """Both engines are told that they know everything; the index is shown in place of the one that the cell began."""
        await self._shelf.refresh()
        await self._shelf.show()
        await self._sql.execute(
            "UPDATE search_progress SET scanned = true, documents = (SELECT count(*) FROM search_messages),"
            " home = CASE WHEN engine = 'postgres' THEN '' ELSE $2 END,"
            " seq = (SELECT seq FROM tenancy WHERE workspace_id = $1) WHERE workspace_id = $1",
            self.workspace,
            self._shelf.index,
        )
        await self._sql.execute("VACUUM ANALYZE")

    async def answers(self) -> dict[str, float]:
        """By engine, since the cell's process began."""
        port = json.loads((self.setting.platform.home / "ports.json").read_text())[f"{CELL}-health"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = (await reader.read(-1)).decode()
        writer.close()
        found = {"opensearch": 0.0, "postgres": 0.0}
        for line in text.splitlines():
            if line.startswith("waggle_search_answers_total{"):
                found[line.split('"')[1]] = float(line.rpartition(" ")[2])
        return found


def _pages(messages: Iterator[Said]) -> Iterator[list[Said]]:
    while page := list(itertools.islice(messages, PAGE)):
        yield page
