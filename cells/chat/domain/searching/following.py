"""Workers' part: each engine follows each workspace that lives here, at its own pace."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Gauge

from cells.chat.domain.searching.indexing import Indexing
from cells.chat.domain.searching.opensearch_sink import Keeping
from cells.chat.domain.searching.postgres_sink import PostgresSink
from cells.chat.search.hits import EngineUnavailable
from cells.runtime.log import LoggedTenant
from cells.runtime.tenancy import Frozen, Incoming, Moved, NotExecuted, NotMine, StaleEpoch, Suspended
from chassis.backoff import Backoff

GATHER_S = 0.25
"""How long news are gathered before they are told: one page for many posts, and no page for each."""
REST_S_MAX = 0.5
REST_TIMES = 5.0
"""After each page so many times as long as it took, or `REST_S_MAX`: posts wait behind a page, and come first between two."""
_LEFT = (Moved, NotMine, StaleEpoch, Suspended)
_HELD = (Frozen, Incoming)
_AGAIN = Backoff(limit_s=10.0)
BEHIND = Gauge("waggle_search_waiting", "Workspaces whose news an engine could not be told yet", ["engine"])
Step = Callable[[LoggedTenant], Awaitable[bool]]


async def follow_with_postgres(tenant: LoggedTenant, indexing: Indexing | None = None) -> None:
    """Until the workspace is not this cell's at this epoch any more."""
    await _follow(tenant, (indexing or Indexing(PostgresSink())).step, "postgres")


async def follow_with_opensearch(tenant: LoggedTenant, keeping: Keeping) -> None:
    opened = False

    async def step(tenant: LoggedTenant) -> bool:
        nonlocal opened
        if not opened:
            await keeping.open(tenant)
            opened = True
        return await keeping.step(tenant)

    await _follow(tenant, step, "opensearch")


async def _follow(tenant: LoggedTenant, step: Step, engine: str) -> None:
    attempt, notes = 0, structlog.get_logger("search").bind(engine=engine, workspace_id=tenant.scope.workspace_id)
    while True:
        try:
            head, began_s = await tenant.log.head(tenant.scope), time.monotonic()
            if await step(tenant):
                await asyncio.sleep(min(REST_S_MAX, REST_TIMES * (time.monotonic() - began_s)))
            else:
                await tenant.log.beyond(tenant.scope.workspace_id, head)
                await asyncio.sleep(GATHER_S)
            if attempt:
                BEHIND.labels(engine).dec()
            attempt = 0
        except _LEFT:
            break
        except (EngineUnavailable, *_HELD, NotExecuted) as error:
            if not attempt:
                BEHIND.labels(engine).inc()
                notes.warning("not indexed; trying again", error=str(error))
            await asyncio.sleep(_AGAIN.delay_s(attempt))
            attempt += 1
        except Exception as error:  # noqa: BLE001 - the place has not moved; a follower that ends would leave the workspace unsearchable
            BEHIND.labels(engine).inc(0 if attempt else 1)
            notes.exception("not indexed; trying again", error=str(error))
            await asyncio.sleep(_AGAIN.delay_s(attempt))
            attempt += 1
    if attempt:
        BEHIND.labels(engine).dec()
