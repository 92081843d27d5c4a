"""Whether a question surely has more hits than are counted: then nobody has to count that far to say so.

Two that know nothing of one another must promise it: the planner's statistics of words, which cost half a millisecond and are of
the whole cell, and a sample of the table's pages, in which everything is asked that is asked of a hit.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.search.hits import TOTAL_MAX
from cells.runtime.tenancy import Prepared

SAMPLED = 2_000
"""Rows."""
DEVIATIONS = 7
"""By how many standard deviations a sample must surpass what TOTAL_MAX hits would give it. Hits come in bunches, rows of a page
were said one after the other, so it is more than chance alone would ask for."""
_ROWS = re.compile(r" rows=(\d+) ")


@dataclass(frozen=True, slots=True)
class Abundance:
    connection: AsyncConnection
    rows: float
    """Of the table, all workspaces together."""

    async def is_sure(self, values: dict[str, Any]) -> bool:
        """There are more than TOTAL_MAX. False says nothing. Nothing is sampled where the sample would convince nobody if the planner
        were right.
        """
        share = min(1.0, SAMPLED / max(1.0, self.rows))
        needed = needed_of_sample(TOTAL_MAX * share)
        if self.rows * share <= needed or await self._expected(values) * share <= needed:
            return False
        [found] = await _SAMPLE.fetch(self.connection, {**values, "percent": 100 * share})
        return bool(found["hits"] > needed)

    async def _expected(self, values: dict[str, Any]) -> int:
        lines = await _EXPECTED.fetch(self.connection, values)
        found = _ROWS.search(lines[0][0])
        return 0 if found is None else int(found[1])


def needed_of_sample(at_limit: float) -> float:
    """Hits in a sample that would hold `at_limit` of them if there were TOTAL_MAX."""
    return at_limit + DEVIATIONS * math.sqrt(at_limit) + DEVIATIONS


_HITS = (
    " WHERE s.workspace_id = :w AND s.ts_us BETWEEN CAST(:since AS bigint) AND CAST(:until AS bigint)"
    " AND s.words @@ CAST(CAST(:asked AS text) AS tsquery)"
)
_EXPECTED = Prepared(text(f"EXPLAIN SELECT 1 FROM search_messages s{_HITS}"))  # noqa: S608 - of ours
_SAMPLE = Prepared(
    text(
        "SELECT count(*) AS hits FROM search_messages s TABLESAMPLE SYSTEM (CAST(:percent AS float4))"  # noqa: S608 - of ours
        f"{_HITS} AND s.channel_id = ANY(CAST(:seen AS text[]))"
    )
)
