"""I2, I4: whatever batches form, answers match rows, and what cannot be stored fails alone."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cells.runtime.log import WorkspaceLog
from cells.runtime.log import writer as group
from cells.runtime.tenancy import Overloaded, TenantScope
from tests.harness.databases import FreshDatabase, in_own_loop
from tests.harness.workspaces import Poison, Say, SayAlone, Unsaid, a_log, a_workspace

TEXTS = st.sampled_from(["said", "said", "said", "refused", "poison", "quiet"])
ARRIVALS = st.lists(st.tuples(TEXTS, st.booleans(), st.booleans()), min_size=1, max_size=60)
EXPECTED = {"poison": Poison, "refused": Unsaid}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=ARRIVALS)
def test_answers_match_rows_whatever_batches_form(cell_database: FreshDatabase, arrivals: list[tuple[str, bool, bool]]) -> None:
    in_own_loop(check_answers(cell_database, arrivals))


async def check_answers(cell_database: FreshDatabase, arrivals: list[tuple[str, bool, bool]]) -> None:
    """`arrivals`: what is said, whether it may be applied with others, whether there is a pause before the next."""
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (_, log):
        answers = await say_all(log, scope, arrivals)
        events = await log.read(scope, 0)
        stored = {event.payload: event.ts_us for event in events}
        for at, ((text, _, _), answer) in enumerate(zip(arrivals, answers, strict=True)):
            payload = f"{text} {at}"
            assert isinstance(answer, EXPECTED.get(text, int)) and (not isinstance(answer, Exception) or str(answer) == payload)
            assert stored.get(payload) == (answer if text == "said" else None)
        assert [event.seq for event in events] == list(range(1, len(events) + 1)) and await log.head(scope) == len(events)
        assert [event.payload for event in events] == [f"said {at}" for at, (text, _, _) in enumerate(arrivals) if text == "said"]
        assert sorted({event.ts_us for event in events}) == [event.ts_us for event in events]


async def say_all(log: WorkspaceLog, scope: TenantScope, arrivals: list[tuple[str, bool, bool]]) -> list[int | BaseException]:
    tasks = []
    for at, (text, together, pause) in enumerate(arrivals):
        change = Say(f"{text} {at}") if together else SayAlone(f"{text} {at}")
        tasks.append(asyncio.create_task(log.commit(scope, change)))
        for _ in range(5 if pause else 0):
            await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.anyio
async def test_what_waits_is_committed_together(cell_database: FreshDatabase) -> None:
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (_, log):
        before = transactions()
        await asyncio.gather(*(log.commit(scope, Say(f"{at}")) for at in range(200)))
        assert transactions() - before <= 2


def transactions() -> float:
    return next(sample.value for metric in group.BATCH_SIZE.collect() for sample in metric.samples if sample.name.endswith("_count"))


@pytest.mark.anyio
async def test_the_queue_is_bounded_and_what_is_over_is_not_executed(cell_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "QUEUE_MAX", 10)
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (_, log):
        answers = await asyncio.gather(*(log.commit(scope, Say(f"{at}")) for at in range(15)), return_exceptions=True)
        assert [isinstance(answer, Overloaded) for answer in answers] == [False] * 10 + [True] * 5
        assert await log.head(scope) == 10


@pytest.mark.anyio
async def test_a_caller_that_gave_up_before_its_turn_leaves_nothing(cell_database: FreshDatabase) -> None:
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (_, log):
        first = asyncio.create_task(log.commit(scope, SayAlone("first")))
        gone = asyncio.create_task(log.commit(scope, SayAlone("gone")))
        await asyncio.sleep(0)
        gone.cancel()
        await first
        await log.commit(scope, SayAlone("last"))
        assert [event.payload for event in await log.read(scope, 0)] == ["first", "last"]
