"""Words that a part of a word stands for: looked for in the list of every word that was ever said in the workspace."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.search.query import Match, Needle
from cells.runtime.tenancy import Prepared


class WordList:
    """As long as what PostgreSQL's engine has indexed; of words that nobody says any more too."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def within(self, needle: Needle, most: int) -> Mapping[str, Sequence[str]]:
        """For each part that is asked for, `most` of the words that have it."""
        parts = {sought.terms[0] for sought in needle.sought if sought.match is Match.WITHIN}
        return {part: await self._words_with(part, most) for part in sorted(parts)}

    async def _words_with(self, part: str, most: int) -> list[str]:
        pattern = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        rows = await _WITHIN.fetch(self._connection, {"pattern": f"%{pattern}%", "most": most})
        return [row["word"] for row in rows]


_WITHIN = Prepared(text("SELECT word FROM search_words_with(:pattern, CAST(:most AS int))"))
