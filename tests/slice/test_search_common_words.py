"""What is found by PostgreSQL, held against looking at every message: few hits, more than are counted, and around that edge.

With limits fifty times smaller than they are, so that three thousand messages are many.
"""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from cells.chat.domain.searching.saying import Said, message_document
from cells.chat.search import abundance, postgres_repository
from cells.chat.search.abundance import Abundance, needed_of_sample
from cells.chat.search.hits import Batch, Document, Found, Hit, Order, Question
from cells.chat.search.postgres_repository import PostgresEngine
from cells.chat.search.query import Match, Needle, Sought
from cells.runtime.tenancy import Database, TenantScope, open_database
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import a_workspace, execute

pytestmark = pytest.mark.anyio

TOTAL_MAX, RANKED_MAX, MESSAGES, NEIGHBOURS = 200, 30, 3_000, 600
CHANNELS = tuple(f"C{n}" for n in range(10))
QUESTIONS = 60


@dataclass
class Shelf:
    """A workspace's messages, in the tables and in memory."""

    database: Database
    scope: TenantScope
    documents: dict[tuple[str, int], Document] = field(default_factory=dict)

    async def ask(self, question: Question) -> Found:
        async with self.database.reading(self.scope) as connection:
            return await PostgresEngine(connection, self.scope).messages(question)

    def matching(self, question: Question) -> list[Hit]:
        """All there are, by looking at each; oldest first."""
        needle = question.needle
        found = [
            document
            for document in self.documents.values()
            if document.place in question.seen
            and needle.since_us <= document.ts_us <= needle.until_us
            and all(marks & document.marks for marks in needle.marks)
            and not needle.without & document.marks
            and all(_says(document.terms, sought) is not sought.negated for sought in needle.sought)
        ]
        return sorted((Hit(document.place, document.ts_us) for document in found), key=lambda hit: hit.ts_us)


def _says(terms: Sequence[str], sought: Sought) -> bool:
    *whole, last = sought.terms
    if sought.match is Match.WITHIN:
        return any(last in term for term in terms)
    ends = [term.startswith(last) if sought.match is Match.PREFIX else term == last for term in terms]
    return any(end and list(terms[at - len(whole) : at]) == whole for at, end in enumerate(ends) if at >= len(whole))


@asynccontextmanager
async def a_shelf(fresh: FreshDatabase, dice: random.Random) -> AsyncIterator[Shelf]:
    """Beside a neighbour who uses the same words."""
    async with open_database(fresh.app_url) as database:
        ours, neighbours = [Shelf(database, await a_workspace(fresh.owner_url)) for _ in range(2)]
        await _fill(fresh, ours, dice, MESSAGES)
        await _fill(fresh, neighbours, dice, NEIGHBOURS)
        await execute(fresh.owner_url, "ANALYZE search_messages")
        yield ours


async def _fill(fresh: FreshDatabase, shelf: Shelf, dice: random.Random, count: int) -> None:
    """Words as people use them: of 300, one is in a third of the messages. One was said last week alone, one long ago."""
    words, weights = [f"word{n}x" for n in range(300)], [1 / (n + 2) for n in range(300)]
    for n in range(1, count + 1):
        texts = dice.choices(words, weights, k=dice.randint(2, 12))
        texts += ["lately"] * (n > count - 150) + ["longago"] * (n < 500)
        link = " https://x.example" if dice.random() < 0.2 else ""
        said = Said(dice.choice(CHANNELS), n, f"U{n % 7}", " ".join(texts) + link, None, None, None)
        shelf.documents[said.channel_id, n] = message_document(said)
    async with shelf.database.writing(shelf.scope) as connection:
        engine = PostgresEngine(connection, shelf.scope)
        await engine.store(Batch(tuple(shelf.documents.values())))
        await engine.learn(sorted({term for document in shelf.documents.values() for term in document.terms}))
    progress = "INSERT INTO search_progress (workspace_id, engine, documents, scanned) VALUES ($1, 'postgres', $2, true)"
    await execute(fresh.owner_url, progress, shelf.scope.workspace_id, count)


def a_question(dice: random.Random) -> Question:
    def word(most: int) -> str:
        return f"word{min(int(dice.paretovariate(0.8)) - 1, most)}x"

    sought = dice.choice(
        [
            (Sought("", (word(60),)),),
            (Sought("", (word(5),)), Sought("", (word(20),))),
            (Sought("", (word(5),)), Sought("", (word(10),), negated=True)),
            (Sought("", (word(3), word(3))),),
            (Sought("", ("word1",), Match.PREFIX),),
            (Sought("", (f"ord{dice.randrange(10)}",), Match.WITHIN),),
            (Sought("", (dice.choice(["lately", "longago", "never"]),)),),
            (),
        ]
    )
    marks = dice.choice(
        [(), (), (), (frozenset(("has:link",)),), (frozenset((f"C:{dice.choice(CHANNELS)}",)),), (frozenset(("U:U1", "U:U2")),)]
    )
    since = dice.choice([0, 0, 0, dice.randrange(MESSAGES)])
    needle = Needle(sought, marks, dice.choice([frozenset[str](), frozenset(("U:U3",))]), since_us=since)
    seen = frozenset(dice.choice([CHANNELS, CHANNELS, CHANNELS[:5], CHANNELS[:1], ()]))
    return Question(needle, seen, dice.choice(list(Order)), ascending=dice.random() < 0.3)


async def test_every_answer_is_what_looking_at_every_message_finds(cell_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    sure: list[tuple[bool, int]] = []
    is_sure = Abundance.is_sure
    for module in (abundance, postgres_repository):
        monkeypatch.setattr(module, "TOTAL_MAX", TOTAL_MAX)
    monkeypatch.setattr(postgres_repository, "RANKED_MAX", RANKED_MAX)
    dice = random.Random(11)
    async with a_shelf(cell_database, dice) as shelf:
        for question in [a_question(dice) for _ in range(QUESTIONS)]:
            expected = shelf.matching(question)

            async def remembered(self: Abundance, values: dict[str, object], there: int = len(expected)) -> bool:
                sure.append((await is_sure(self, values), there))
                return sure[-1][0]

            monkeypatch.setattr(Abundance, "is_sure", remembered)
            for first, size in ((0, 20), (20, 30), (TOTAL_MAX - 10, 10), (len(expected) - 1, 5)):
                page = replace(question, first=max(0, first), size=min(size, TOTAL_MAX - first))
                if page.size > 0:
                    _check(await shelf.ask(page), page, expected)
    assert all(there > TOTAL_MAX for is_sure, there in sure if is_sure)
    assert {is_sure for is_sure, _ in sure} == {True, False} and any(there > TOTAL_MAX for is_sure, there in sure if not is_sure)


def _check(found: Found, page: Question, expected: list[Hit]) -> None:
    assert found.total == min(len(expected), TOTAL_MAX), page
    keys, last = [(hit.place, hit.ts_us) for hit in found.hits], page.first + page.size
    newest = [(hit.place, hit.ts_us) for hit in reversed(expected)]
    ranked = page.order is Order.SCORE and any(not s.negated and s.match is Match.WHOLE for s in page.needle.sought)
    if not ranked:
        assert keys == (newest[::-1] if page.ascending else newest)[page.first : last], page
        return
    best = newest if len(expected) <= TOTAL_MAX else newest[:RANKED_MAX]
    among = [hit for hit in found.hits if (hit.place, hit.ts_us) in set(best)]
    assert len(among) == max(0, min(last, len(best)) - page.first), page
    assert among == sorted(among, key=lambda hit: (hit.score, hit.ts_us), reverse=not page.ascending), page
    assert keys[len(among) :] == newest[max(len(best), page.first) : last][: page.size - len(among)], page


def test_a_sample_must_promise_much_more_than_is_counted() -> None:
    """The fewer hits it holds, the more times as many."""
    assert [round(needed_of_sample(at_limit) / at_limit, 1) for at_limit in (2.0, 20.0, 200.0)] == [9.4, 2.9, 1.5]
