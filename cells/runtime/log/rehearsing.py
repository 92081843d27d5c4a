"""Doing in nobody's name what people do most, and taking it back: the database then knows the statements, their plans and their tables.

PostgreSQL forgets all three of a table that a move publishes, in every connection, and whoever comes first pays for it.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cells.runtime.log.changes import Change
from cells.runtime.log.transaction import Transaction, fence
from cells.runtime.tenancy import Database, NotMine, TenantScope
from chassis.clock import Clock
from chassis.identity import WorkspaceId

NOBODY = TenantScope(WorkspaceId("T0NOBODY"), 0)
"""No workspace has this id; row-level security lets nothing else be seen or written."""
CONNECTIONS = 3
"""The pool gives out first what was given back last: these will be asked by the first who come."""
REHEARSAL_S_MAX = 2.0


class _TakenBack(Exception):
    """Raised where a change would be committed."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    database: Database
    clock: Clock
    change: Callable[[], Change[Any]]

    async def run(self) -> None:
        """Nothing of it is stored. Raises TimeoutError, and what the database raises."""
        async with asyncio.timeout(REHEARSAL_S_MAX):
            await asyncio.gather(*(self._once() for _ in range(CONNECTIONS)))

    async def _once(self) -> None:
        with suppress(_TakenBack):
            async with self.database.writing(NOBODY) as connection:
                with suppress(NotMine):
                    await fence(connection, NOBODY, self.clock)
                tx = Transaction(connection, NOBODY, 0, 0, self.clock)
                await self.change().apply(tx)
                await tx.announce()
                raise _TakenBack
