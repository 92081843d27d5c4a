"""Where the log stands and which groups users are in, read for all who ask at the same time in one transaction.

When everyone comes back at once, each session needs such a snapshot, and a transaction costs far more than what it reads.
"""

import asyncio
from dataclasses import dataclass

from cells.runtime.gateway.tasks import spawn
from cells.runtime.log.snapshot import head_of
from cells.runtime.workload import Sessions, Tenant


@dataclass(frozen=True, slots=True)
class Snapshot:
    head: int
    groups: frozenset[str] | None
    """Beside that of the user and that of everyone. None: the subject is not let in."""


class Snapshots:
    """Of one workspace. One transaction at a time; who asks while it is open gets the next, so none is older than its question."""

    def __init__(self, sessions: Sessions, tasks: set[asyncio.Task[None]]) -> None:
        self._sessions, self._tasks = sessions, tasks
        self._waiting: dict[str, asyncio.Future[Snapshot]] = {}
        self._reading = False

    async def of(self, tenant: Tenant, subject: str) -> Snapshot:
        """Raises what the transaction raises."""
        wanted = self._waiting.get(subject)
        if wanted is None:
            wanted = self._waiting[subject] = asyncio.get_running_loop().create_future()
        if not self._reading:
            self._reading = True
            spawn(self._read_on(tenant), self._tasks)
        return await asyncio.shield(wanted)

    async def _read_on(self, tenant: Tenant) -> None:
        try:
            while self._waiting:
                asking, self._waiting = self._waiting, {}
                await self._answer(tenant, asking)
        finally:
            self._reading = False

    async def _answer(self, tenant: Tenant, asking: dict[str, asyncio.Future[Snapshot]]) -> None:
        try:
            found = await self._read(tenant, list(asking))
        except BaseException as error:
            for wanted in asking.values():
                _refuse(wanted, error)
            if not isinstance(error, Exception):
                raise
        else:
            for subject, wanted in asking.items():
                wanted.set_result(found[subject])

    async def _read(self, tenant: Tenant, subjects: list[str]) -> dict[str, Snapshot]:
        async with tenant.reading() as connection:
            head = await head_of(connection, tenant.scope)
            groups = await self._sessions.groups(connection, tenant.scope, subjects)
        return {subject: Snapshot(head, groups.get(subject)) for subject in subjects}


def _refuse(wanted: "asyncio.Future[Snapshot]", error: BaseException) -> None:
    if isinstance(error, Exception):
        wanted.set_exception(error)
        wanted.exception()  # it is nobody's fault that whoever asked may be gone
    else:
        wanted.cancel()
