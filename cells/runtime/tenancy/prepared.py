"""A statement for the paths that everyone waits on: sent by the driver itself, which keeps it prepared, for a quarter of the CPU."""

import re
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy.transactions import driver_of

_NAME = re.compile(r"(?<![:\w]):([a-z_]+)")


class Prepared:
    """Of `text()` with named values; rows come as the driver's records, in the order of the columns."""

    def __init__(self, statement: TextClause) -> None:
        self.statement = statement
        self._names = tuple(dict.fromkeys(_NAME.findall(statement.text)))
        self._sql = _NAME.sub(lambda found: f"${self._names.index(found[1]) + 1}", statement.text)

    async def fetch(self, connection: AsyncConnection, values: dict[str, Any]) -> list[Any]:
        return await driver_of(connection).fetch(self._sql, *(values[name] for name in self._names))
