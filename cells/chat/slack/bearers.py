"""Who a token speaks for, remembered for half a second: most calls then ask the database nothing about it."""

import asyncio
from collections import OrderedDict

from cells.chat.domain.tokens.errors import AccountInactive, InvalidAuth, TokenExpired, TokenRevoked
from cells.chat.domain.tokens.repository import Bearer, Tokens
from cells.chat.domain.tokens.service import hash_of
from cells.runtime.workload import Tenant
from chassis.clock import Clock
from chassis.identity import workspace_of_token

REMEMBERED_S = 0.5
REMEMBERED_MAX = 10_000

_Key = tuple[str, bytes]


class Bearers:
    """A revoked token stops working at once in the process that revoked it, within half a second in the others, with Redis or without."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[_Key, tuple[float, Bearer]] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[Bearer | None]] = {}

    async def require(self, tenant: Tenant, token: str) -> Bearer:
        """Raises InvalidAuth (also for a token of another workspace), AccountInactive, TokenRevoked, TokenExpired."""
        key = (str(tenant.scope.workspace_id), hash_of(token))
        held = self._known.get(key)
        if held is not None and held[0] > self._clock.monotonic_s():
            return self._in_time(held[1])
        if workspace_of_token(token) != tenant.scope.workspace_id:
            raise InvalidAuth
        bearer = await self._ask(tenant, key)
        if bearer is None:
            raise InvalidAuth
        if bearer.deleted:
            raise AccountInactive
        if bearer.revoked:
            raise TokenRevoked
        return self._in_time(bearer)

    def _in_time(self, bearer: Bearer) -> Bearer:
        if bearer.expires_us is not None and bearer.expires_us <= self._clock.now_us():
            raise TokenExpired
        return bearer

    def forget(self, tenant: Tenant) -> None:
        """Ask anew for every token of the workspace: one was revoked, or a user's rights have changed."""
        workspace_id = str(tenant.scope.workspace_id)
        for key in [key for key in self._known if key[0] == workspace_id]:
            del self._known[key]

    async def _ask(self, tenant: Tenant, key: _Key) -> Bearer | None:
        """One question at a time for each token: those who come meanwhile wait for the same answer."""
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._look_up(tenant, key))
            task.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(task)

    async def _look_up(self, tenant: Tenant, key: _Key) -> Bearer | None:
        asked_s = self._clock.monotonic_s()
        async with tenant.reading() as connection:
            bearer = await Tokens(connection, tenant.scope).get(key[1])
        if bearer is not None and not bearer.revoked and not bearer.deleted:
            self._remember(key, asked_s, bearer)
        return bearer

    def _remember(self, key: _Key, asked_s: float, bearer: Bearer) -> None:
        self._known[key] = (asked_s + REMEMBERED_S, bearer)
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)

    def _asked(self, key: _Key, task: asyncio.Task[Bearer | None]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # it was raised to whoever waited; with nobody left it is nobody's
