"""Where the log stands and which groups users are in, read for all who ask at the same time in one transaction.

When everyone comes back at once, each session needs such a snapshot, and a transaction costs far more than what it reads.
"""

import asyncio
from dataclasses import dataclass

from cells.runtime.gateway.cursor import groups_of
from cells.runtime.gateway.tasks import spawn
from cells.runtime.log.snapshot import head_of
from cells.runtime.workload import Sessions, Tenant


@dataclass(frozen=True, slots=True)
class Snapshot:
    head: int
    groups: frozenset[str] | None
    """None: the user is not let in."""


class Snapshots:
    """Of one workspace. One transaction at a time; who asks while it is open gets the next, so none is older than its question."""

    def __init__(self, sessions: Sessions, tasks: set[asyncio.Task[None]]) -> None:
        self._sessions, self._tasks = sessions, tasks
        self._waiting: dict[str, asyncio.Future[Snapshot]] = {}
        self._reading = False

    async def of(self, tenant: Tenant, user_id: str) -> Snapshot:
        """Raises what the transaction raises."""
        wanted = self._waiting.get(user_id)
        if wanted is None:
            wanted = self._waiting[user_id] = asyncio.get_running_loop().create_future()
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
            for user_id, wanted in asking.items():
                wanted.set_result(found[user_id])

    async def _read(self, tenant: Tenant, user_ids: list[str]) -> dict[str, Snapshot]:
        async with tenant.reading() as connection:
            head = await head_of(connection, tenant.scope)
            groups = await self._sessions.groups(connection, tenant.scope, user_ids)
        let_in = {user_id: groups_of(user_id, theirs) for user_id, theirs in groups.items()}
        return {user_id: Snapshot(head, let_in.get(user_id)) for user_id in user_ids}


def _refuse(wanted: "asyncio.Future[Snapshot]", error: BaseException) -> None:
    if isinstance(error, Exception):
        wanted.set_exception(error)
        wanted.exception()  # it is nobody's fault that whoever asked may be gone
    else:
        wanted.cancel()
