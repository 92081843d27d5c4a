"""Keeps presence: says what this process's sessions show, tells followers what changed, repairs what others failed to say.

Nothing waits for it: sessions only leave a mark, one task looks at the marks. Each look writes this process's share, reads
everyone's, and swaps the word last told; the process whose swap changes the word tells. A process also looks, every
`BEAT_S`, at all whom its sessions follow: so time (auto-away) and a process that died come out. Each process notes what its
sessions heard: where a look finds that it is not the word that stands (news that got lost, or came too late to take back what
a session was answered), it is said to them alone. With Redis away nobody is told anything, and marks wait.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice

import structlog

from cells.chat.domain.presence.events import batch_group_of, followed_by, group_of, heard_of, presence_batch, presence_change
from cells.chat.domain.presence.presence import Availability, Presence, Share, Standing, presence_of
from cells.chat.domain.presence.repository import Standings
from cells.chat.domain.presence.roster import Room
from cells.chat.domain.presence.sharing import (
    Asking,
    Command,
    Overtaken,
    Told,
    attempt_of,
    gathering,
    is_rebuilding,
    marking,
    reading,
    reading_many,
    redis_time_us,
    shares_among,
    shares_in,
    telling,
    told_in,
    writing,
)
from cells.runtime.tenancy import NotExecuted
from cells.runtime.workload import Admitted, Tenant
from chassis.background import in_background
from chassis.clock import Clock
from chassis.flags import Flag, Switchboard
from chassis.identity import WorkspaceId

BEAT_S = 20.0
GATHER_S = 0.02
"""Marks made together are looked at together."""
RETRY_S = 1.0
LOOK_MAX = 256
LOOK_S_MAX = 2.0
STEP_S = 60
"""Activity is told to other processes at once when the last was so long ago, else with the next beat."""
HEARD_MAX = 65_536
ACTIVE_MAX = 10_000

_log = structlog.get_logger("presence")


class Nobody:
    """Stands where there is no Redis."""

    async def ask(self, commands: Sequence[Command]) -> list[object] | None:  # noqa: ARG002 - the protocol's
        return None


class Presences:
    """Implements `Attendance`. One a process."""

    def __init__(self, clock: Clock, shared: Asking | None = None, flags: Switchboard | None = None) -> None:
        self._clock, self._shared, self._flags = clock, shared or Nobody(), flags or Switchboard()
        self._process = secrets.token_hex(6)
        self._rooms: dict[WorkspaceId, Room] = {}
        self._news = asyncio.Event()
        self._away = False
        self._heard: OrderedDict[tuple[str, str], int] = OrderedDict()

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

    def on_heard(self, workspace_id: WorkspaceId, key: str, text: str) -> None:
        room, heard = self._rooms.get(workspace_id), heard_of(key, text)
        if room is not None and heard is not None:
            room.hear(*heard)

    def on_activity(self, tenant: Tenant, user_id: str) -> None:
        room, now_us = self._room(tenant), self._clock.now_us()
        person = room.person(user_id)
        before_us, person.active_us = person.active_us, now_us
        if now_us - before_us >= STEP_S * 1_000_000:
            self._mark(room, user_id)

    def on_call(self, tenant: Tenant, user_id: str) -> None:
        """A person's call over HTTP, socket or not; noted once in `STEP_S`, for a program may make thousands a second."""
        key, now_us = (str(tenant.scope.workspace_id), user_id), self._clock.now_us()
        if now_us - self._heard.get(key, 0) < STEP_S * 1_000_000:
            return
        self._heard[key] = now_us
        self._heard.move_to_end(key)
        if len(self._heard) > HEARD_MAX:
            self._heard.popitem(last=False)
        self.on_activity(tenant, user_id)

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

    def _mark_all(self, room: Room, user_ids: Iterable[str]) -> None:
        for user_id in user_ids:
            self._mark(room, user_id)

    def _off(self, workspace_id: WorkspaceId) -> bool:
        """Then marks wait, nobody is told anything and everyone is shown away; who is here goes on being counted."""
        return self._flags.off(Flag.PRESENCE, workspace_id)

    # what is asked

    async def of(self, tenant: Tenant, user_ids: Sequence[str]) -> dict[str, Presence]:
        """Without Redis, as far as this process knows. At most 500 users."""
        scope, now_us = tenant.scope, self._clock.now_us()
        if self._off(scope.workspace_id):
            return {user_id: presence_of((), Standing(), now_us) for user_id in user_ids}
        async with tenant.reading() as connection:
            standings = await Standings(connection, scope).get_many(user_ids)
        found = await self._shared.ask([reading(scope.workspace_id, user_id) for user_id in user_ids]) if user_ids else None
        known = zip(user_ids, found if found is not None else [None] * len(user_ids), strict=True)
        room = self._rooms.get(scope.workspace_id)
        return {
            user_id: presence_of(self._merged(room, user_id, shares_in(hash_), now_us).values(), standings.get(user_id, Standing()), now_us)
            for user_id, hash_ in known
        }

    async def among(self, tenant: Tenant, standings: Mapping[str, Standing]) -> dict[str, str]:
        """Slack's word for each of many, whose standings are read already. Without Redis, as far as this process knows."""
        scope, now_us, user_ids = tenant.scope, self._clock.now_us(), list(standings)
        if self._off(scope.workspace_id):
            return dict.fromkeys(user_ids, Availability.AWAY.value)
        found = await self._shared.ask([reading_many(scope.workspace_id, user_ids)]) if user_ids else None
        shares = shares_among(found[0] if found else None)
        room, words = self._rooms.get(scope.workspace_id), dict.fromkeys(user_ids, Availability.AWAY.value)
        somewhere = {*shares} | {n for n, user_id in enumerate(user_ids) if room is not None and user_id in room.people}
        for number in somewhere:
            user_id = user_ids[number]
            known = self._merged(room, user_id, shares.get(number, {}), now_us)
            words[user_id] = presence_of(known.values(), standings[user_id], now_us).shown
        return words

    async def shown(self, tenant: Tenant, user_ids: Sequence[str]) -> dict[str, str] | None:
        """Slack's word for each, for a session that asks; None where Redis is away, for then nothing is said."""
        if self._off(tenant.scope.workspace_id):
            return None
        if await self._shared.ask(marking(self._clock.now_us())) is None:
            return None
        words = {user_id: presence.shown for user_id, presence in (await self.of(tenant, user_ids)).items()}
        room = self._room(tenant)
        for user_id, word in words.items():
            room.answer(user_id, word)
        return words

    async def active_in(self, tenant: Tenant) -> frozenset[str] | None:
        """Everyone in the workspace who is shown active; None where nobody knows (Redis is away, or was a moment ago), or too many are."""
        workspace_id, now_us = tenant.scope.workspace_id, self._clock.now_us()
        if self._off(workspace_id):
            return None
        found = await self._shared.ask([*marking(now_us), *gathering(workspace_id, now_us)])
        if found is None or is_rebuilding(found[1], now_us) or len(found[-1]) > ACTIVE_MAX:  # type: ignore[arg-type]
            return None
        active: set[str] = set()
        for users in _pieces(user_id.decode() for user_id in found[-1]):  # type: ignore[attr-defined]
            active.update(user_id for user_id, presence in (await self.of(tenant, users)).items() if presence.shown == "active")
        return frozenset(active)

    def _merged(self, room: Room | None, user_id: str, shares: dict[str, Share], now_us: int) -> dict[str, Share]:
        person = room.people.get(user_id) if room is not None else None
        return shares | {self._process: person.share(now_us)} if person is not None else shares

    # the work

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with in_background(self._keep_telling(), self._keep_beating()):
            yield

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
        for workspace_id, room in self._lit():
            for users in _pieces(room.dirty):
                room.dirty.difference_update(users)
                await self._look(room, users)
            if room.empty:
                self._rooms.pop(workspace_id, None)

    async def beat(self) -> None:
        """Write what this process knows of its own, then look at all who are followed here."""
        for workspace_id, room in self._lit():
            for users in _pieces(room.people):
                if await self._shared.ask(self._writes(workspace_id, room, users)) is None:
                    self._lose()
                    return
            for users in _pieces(room.followed):
                await self._look(room, users)

    def _lit(self) -> list[tuple[WorkspaceId, Room]]:
        """Rooms of workspaces in which presence is not switched off."""
        return [(workspace_id, room) for workspace_id, room in self._rooms.items() if not self._off(workspace_id)]

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
        except NotExecuted as error:
            _log.info("presence not told", workspace=room.tenant.scope.workspace_id, error=str(error))
        except TimeoutError:
            _log.info("presence not told", workspace=room.tenant.scope.workspace_id, error=f"not looked at in {LOOK_S_MAX:g} s")
            self._mark_all(room, users)
        else:
            if answered:
                room.tidy(users)
                return
            self._mark_all(room, users)
            self._lose()

    async def _look_now(self, room: Room, users: Sequence[str]) -> bool:
        """False where Redis did not answer."""
        scope, now_us = room.tenant.scope, self._clock.now_us()
        async with room.tenant.reading() as connection:
            standings = await Standings(connection, scope).get_many(users)
        writes = self._writes(scope.workspace_id, room, users)
        reads = [reading(scope.workspace_id, user_id) for user_id in users]
        found = await self._shared.ask([*writes, ("TIME",), *marking(now_us), *reads])
        if found is None:
            return False
        at_us, born, hashes = redis_time_us(found[len(writes)]), found[-len(users) - 1], found[-len(users) :]
        shares = {user_id: shares_in(hash_) for user_id, hash_ in zip(users, hashes, strict=True)}
        rebuilding = is_rebuilding(born, now_us)
        words = {
            user_id: presence_of(shares[user_id].values(), standings.get(user_id, Standing()), now_us).shown
            for user_id in users
            if shares[user_id] or not rebuilding
        }
        return await self._tell_changes(room, words, at_us)

    async def _tell_changes(self, room: Room, words: Mapping[str, str], at_us: int) -> bool:
        workspace_id, attempt = room.tenant.scope.workspace_id, attempt_of(self._process, at_us)
        commands = [telling(workspace_id, user_id, word, at_us, attempt) for user_id, word in words.items()]
        try:
            answers = await self._shared.ask(commands) if commands else []
        except asyncio.CancelledError:  # the time for this look is up
            room.doubt(words, attempt)
            raise
        if answers is None:
            room.doubt(words, attempt)
            return False
        news, missed = self._unsaid(room, dict(zip(words.items(), answers, strict=True)), at_us)
        if not (self._say(room, news) and self._say(room, missed, here=True)):
            room.doubt(news, attempt)
            return False
        room.believe(news)
        return True

    def _unsaid(self, room: Room, looked: Mapping[tuple[str, str], object], at_us: int) -> tuple[dict[str, str], dict[str, str]]:
        """What this look has to tell to everyone, and what the sessions here alone have not heard."""
        news, missed = dict[str, str](), dict[str, str]()
        for (user_id, word), before in looked.items():
            try:
                told = told_in(before, at_us)
            except Overtaken:
                self._mark(room, user_id)  # who looked later may not have seen what the user just set
                continue
            if self._is_news(room, user_id, word, told):
                news[user_id] = word
                continue
            room.believe([user_id])
            if room.has_missed(user_id, word) and not (told is not None and told.on_its_way(at_us)):
                missed[user_id] = word
        return news, missed

    def _is_news(self, room: Room, user_id: str, word: str, told: Told | None) -> bool:
        """Whether this look is the one that has to tell: its swap changed the word, or an earlier swap of ours did and nobody was told."""
        known, room.said[user_id] = room.said.get(user_id, Availability.AWAY.value), word
        return word != known if told is None else word != told.word or told.attempt in room.doubtful.get(user_id, ())

    def _say(self, room: Room, news: Mapping[str, str], *, here: bool = False) -> bool:
        """To each follower: a frame a user, or one for all of a word to sessions that take them together. False: to nobody."""
        tenant, said = room.tenant, True
        for user_id, word in news.items():
            said &= tenant.tell((group_of(user_id),), presence_change(user_id, word), key=group_of(user_id), here=here)
        for shown in set(news.values()):
            pieces = {batch_group_of(user_id): f'"{user_id}"' for user_id, word in news.items() if word == shown}
            said &= tenant.tell_each(pieces, presence_batch(shown), key=f"presences {sorted(pieces)}", here=here)
        return said


def _users_of(session: Admitted) -> list[str]:
    return [user_id for group in session.following if (user_id := followed_by(group)) is not None]


def _pieces(users: Iterable[str]) -> Iterator[list[str]]:
    """Copies: the original may change meanwhile."""
    everyone = iter(list(users))
    while piece := list(islice(everyone, LOOK_MAX)):
        yield piece
