"""Keeps presence: says what this process's sessions show, tells followers what changed, repairs what others failed to say.

Nothing waits for it: sessions only leave a mark, one task looks at the marks. Each look writes this process's share, reads
everyone's, and swaps the word last told; the process whose swap changes the word tells. A process also looks, every
`BEAT_S`, at all whom its sessions follow: so time (auto-away), a process that died and news that got lost come out.
With Redis away nobody is told anything, and marks wait.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice

import structlog

from cells.chat.domain.presence.events import group_of, presence_change
from cells.chat.domain.presence.presence import Availability, Presence, Share, Standing, presence_of
from cells.chat.domain.presence.repository import Standings
from cells.chat.domain.presence.roster import Room
from cells.chat.domain.presence.sharing import (
    Asking,
    Command,
    is_rebuilding,
    marking,
    reading,
    shares_in,
    telling,
    writing,
)
from cells.runtime.tenancy import NotExecuted
from cells.runtime.workload import Admitted, Tenant
from chassis.clock import Clock
from chassis.identity import WorkspaceId

BEAT_S = 20.0
GATHER_S = 0.02
"""Marks made together are looked at together."""
RETRY_S = 1.0
LOOK_MAX = 256
LOOK_S_MAX = 2.0
STEP_S = 60
"""Activity is told to other processes at once when the last was so long ago, else with the next beat."""
PREFIX = group_of("")

_log = structlog.get_logger("presence")


class Nobody:
    """Stands where there is no Redis."""

    async def ask(self, commands: Sequence[Command]) -> list[object] | None:  # noqa: ARG002 - the protocol's
        return None


class Presences:
    """Implements `Attendance`. One a process."""

    def __init__(self, clock: Clock, shared: Asking | None = None) -> None:
        self._clock, self._shared = clock, shared or Nobody()
        self._process = secrets.token_hex(6)
        self._rooms: dict[WorkspaceId, Room] = {}
        self._news = asyncio.Event()
        self._away = False

    # what sessions show

    def on_arrival(self, tenant: Tenant, session: Admitted, *, resumed: bool) -> None:
        room = self._room(tenant)
        person = room.person(session.user_id)
        person.sessions += 1
        person.automatic = bool(session.facts.get("bot_id"))
        if not (resumed and person.active_us):
            person.active_us = self._clock.now_us()
        room.follow(_users_of(session), ())
        self._mark(room, session.user_id)

    def on_departure(self, tenant: Tenant, session: Admitted, *, gone: bool) -> None:
        room = self._room(tenant)
        room.person(session.user_id).sessions -= 1
        room.follow((), _users_of(session))
        if gone:
            self._mark(room, session.user_id)
        elif room.person(session.user_id).sessions <= 0:
            del room.people[session.user_id]  # what Redis knows of it ages, while the session opens elsewhere

    def on_following(self, tenant: Tenant, before: Admitted, after: Admitted) -> None:
        self._room(tenant).follow(_users_of(after), _users_of(before))

    def on_activity(self, tenant: Tenant, user_id: str) -> None:
        room, now_us = self._room(tenant), self._clock.now_us()
        person = room.person(user_id)
        before_us, person.active_us = person.active_us, now_us
        if now_us - before_us >= STEP_S * 1_000_000:
            self._mark(room, user_id)

    def on_setting(self, tenant: Tenant, user_id: str) -> None:
        """The user's standing was changed."""
        self._mark(self._room(tenant), user_id)

    def _room(self, tenant: Tenant) -> Room:
        room = self._rooms.get(tenant.scope.workspace_id)
        if room is None:
            room = self._rooms[tenant.scope.workspace_id] = Room(tenant)
        room.tenant = tenant
        return room

    def _mark(self, room: Room, user_id: str) -> None:
        room.mark(user_id)
        self._news.set()

    # what is asked

    async def of(self, tenant: Tenant, user_ids: Sequence[str]) -> dict[str, Presence]:
        """Without Redis, as far as this process knows. At most 500 users."""
        scope, now_us = tenant.scope, self._clock.now_us()
        async with tenant.reading() as connection:
            standings = await Standings(connection, scope).get_many(user_ids)
        found = await self._shared.ask([reading(scope.workspace_id, user_id) for user_id in user_ids]) if user_ids else None
        known = zip(user_ids, found if found is not None else [None] * len(user_ids), strict=True)
        room = self._rooms.get(scope.workspace_id)
        return {
            user_id: presence_of(self._merged(room, user_id, shares_in(hash_), now_us).values(), standings.get(user_id, Standing()), now_us)
            for user_id, hash_ in known
        }

    async def shown(self, tenant: Tenant, user_ids: Sequence[str]) -> dict[str, str] | None:
        """Slack's word for each; None where Redis is away, for then nothing is said."""
        if await self._shared.ask(marking(self._clock.now_us())) is None:
            return None
        return {user_id: presence.shown for user_id, presence in (await self.of(tenant, user_ids)).items()}

    def _merged(self, room: Room | None, user_id: str, shares: dict[str, Share], now_us: int) -> dict[str, Share]:
        person = room.people.get(user_id) if room is not None else None
        return shares | {self._process: person.share(now_us)} if person is not None else shares

    # the work

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._keep_telling()), asyncio.create_task(self._keep_beating())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_telling(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)
            self._news.clear()
            await self._safely(self.tell())
            if self._away:
                await asyncio.sleep(RETRY_S)
                self._news.set()

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            await self._safely(self.beat())

    async def _safely(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - a look that fails must not end all looks to come
            _log.exception("presence failed")

    async def tell(self) -> None:
        """Look at everyone marked; after Redis was away, at everyone."""
        if self._away:
            self._away = False
            await self.beat()
        for workspace_id, room in list(self._rooms.items()):
            for users in _pieces(room.dirty):
                room.dirty.difference_update(users)
                await self._look(room, users)
            if room.empty:
                self._rooms.pop(workspace_id, None)

    async def beat(self) -> None:
        """Write what this process knows of its own, then look at all who are followed here."""
        for workspace_id, room in list(self._rooms.items()):
            for users in _pieces(room.people):
                if await self._shared.ask(self._writes(workspace_id, room, users)) is None:
                    self._lose()
                    return
            for users in _pieces(room.followed):
                await self._look(room, users)

    def _writes(self, workspace_id: WorkspaceId, room: Room, users: Iterable[str]) -> list[Command]:
        now_us = self._clock.now_us()
        here = [(user_id, person) for user_id in users if (person := room.people.get(user_id)) is not None]
        return [command for user_id, person in here for command in writing(workspace_id, user_id, self._process, person.share(now_us))]

    def _lose(self) -> None:
        if not self._away:
            _log.info("presence says nothing: redis does not answer")
        self._away = True
        self._news.set()

    async def _look(self, room: Room, users: Sequence[str]) -> None:
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                answered = await self._look_now(room, users)
        except (NotExecuted, TimeoutError) as error:
            _log.info("presence not told", workspace=room.tenant.scope.workspace_id, error=str(error))
        else:
            if answered:
                room.tidy(users)
                return
            room.dirty.update(users)
            self._lose()

    async def _look_now(self, room: Room, users: Sequence[str]) -> bool:
        """False where Redis did not answer."""
        scope, now_us = room.tenant.scope, self._clock.now_us()
        writes = self._writes(scope.workspace_id, room, users)
        found = await self._shared.ask([*writes, *marking(now_us), *(reading(scope.workspace_id, user_id) for user_id in users)])
        if found is None:
            return False
        shares = {user_id: shares_in(hash_) for user_id, hash_ in zip(users, found[-len(users) :], strict=True)}
        rebuilding = is_rebuilding(found[-len(users) - 1], now_us)
        async with room.tenant.reading() as connection:
            standings = await Standings(connection, scope).get_many(users)
        words = {
            user_id: presence_of(shares[user_id].values(), standings.get(user_id, Standing()), now_us).shown
            for user_id in users
            if shares[user_id] or not rebuilding
        }
        return await self._tell_changes(room, words)

    async def _tell_changes(self, room: Room, words: Mapping[str, str]) -> bool:
        workspace_id = room.tenant.scope.workspace_id
        commands = [command for user_id, word in words.items() for command in telling(workspace_id, user_id, word)]
        answers = await self._shared.ask(commands) if commands else []
        if answers is None:
            room.doubtful.update(words)
            return False
        for (user_id, word), before in zip(words.items(), answers[::2], strict=True):
            told = before.decode() if isinstance(before, bytes) else room.said.get(user_id, Availability.AWAY.value)
            room.said[user_id] = word
            if word != told or user_id in room.doubtful:
                room.tenant.tell((group_of(user_id),), presence_change(user_id, word), key=group_of(user_id))
            room.doubtful.discard(user_id)
        return True


def _users_of(session: Admitted) -> list[str]:
    return [group.removeprefix(PREFIX) for group in session.following if group.startswith(PREFIX)]


def _pieces(users: Iterable[str]) -> Iterator[list[str]]:
    """Copies: the original may change meanwhile."""
    everyone = iter(list(users))
    while piece := list(islice(everyone, LOOK_MAX)):
        yield piece
