"""search.*: finding messages and files; old paging, as Slack has it here still (https://api.slack.com/methods/search.messages)."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cells.chat.domain.channels.channel import ChannelKind
from cells.chat.domain.errors import DomainError
from cells.chat.domain.files.events import Site, file_face
from cells.chat.domain.files.repository import Files, Shares
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.searching.finding import Finding, Library, Remembering, Searched, Snapshot, Wish
from cells.chat.domain.searching.library import PostgresAlone
from cells.chat.domain.searching.sight_repository import Place, Sight
from cells.chat.domain.timestamps import show_ts
from cells.chat.search.highlighting import highlighted
from cells.chat.search.hits import TOTAL_MAX, Found, Order
from cells.chat.search.query import Sought
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.counts import FORGETFUL
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.suggestions import AutocompleteArguments, autocomplete, sees_public
from chassis.flags import Flag

COUNT_DEFAULT, COUNT_MAX, PAGE_MAX = 20, 100, 100
SCOPE = ("search:read",)
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_NAMESPACE = uuid.UUID("8b7f3c52-95a8-4b6e-9a4e-1f0c4f5b7a10")


class NoQuery(DomainError):
    """Nothing to look for was said."""

    code = "no_query"


class SearchArguments(msgspec.Struct):
    query: str = ""
    count: int | None = None
    page: int | None = None
    highlight: bool = False
    sort: str = "score"
    sort_dir: str = "desc"


@dataclass(frozen=True, slots=True)
class Paging:
    """Numbers out of range are adjusted in silence, as everywhere at Slack."""

    page: int
    count: int

    @classmethod
    def of(cls, arguments: SearchArguments) -> "Paging":
        count = COUNT_DEFAULT if not arguments.count or arguments.count < 0 else min(arguments.count, COUNT_MAX)
        return cls(min(max(arguments.page or 1, 1), PAGE_MAX), count)

    @property
    def first(self) -> int:
        return (self.page - 1) * self.count

    def face(self, total: int, shown: int) -> Answer:
        pages = -(-total // self.count)
        last = min(self.first + shown, total)
        return {
            "total": total,
            "pagination": {
                "total_count": total,
                "page": self.page,
                "per_page": self.count,
                "page_count": pages,
                "first": self.first + 1 if shown else 0,
                "last": last if shown else 0,
            },
            "paging": {"count": self.count, "total": total, "page": self.page, "pages": pages},
        }


class Searching:
    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    async def messages(self, call: Call[SearchArguments]) -> Answer:
        return await self._answer(call, messages=True, files=False)

    async def files(self, call: Call[SearchArguments]) -> Answer:
        return await self._answer(call, messages=False, files=True)

    async def everything(self, call: Call[SearchArguments]) -> Answer:
        return await self._answer(call, messages=True, files=True) | {"posts": {"total": 0, "matches": []}}

    async def _answer(self, call: Call[SearchArguments], *, messages: bool, files: bool) -> Answer:
        if not call.arguments.query.strip():
            raise NoQuery
        paging = Paging.of(call.arguments)
        answer: Answer = {"query": call.arguments.query}
        async with self._finding.turn(call.tenant.scope.workspace_id), call.tenant.reading() as connection:
            found = await self._finding.find(connection, call.tenant.scope, _wish(call, paging), messages=messages, files=files)
            shaping = Shaping(call, connection)
            if messages:
                answer["messages"] = paging.face(found.messages.total, len(found.messages.hits))
                answer["messages"]["matches"] = await shaping.message_matches(found)
            if files:
                answer["files"] = paging.face(found.files.total, len(found.files.hits))
                answer["files"]["matches"] = await shaping.file_matches(found.files)
        return answer


def _wish(call: Call[SearchArguments], paging: Paging) -> Wish:
    return Wish(
        text=call.arguments.query,
        user_id=call.bearer.user_id,
        sees_public=sees_public(call),
        order=Order.TIMESTAMP if call.arguments.sort == "timestamp" else Order.SCORE,
        ascending=call.arguments.sort_dir == "asc",
        first=paging.first,
        size=max(0, min(paging.count, TOTAL_MAX - paging.first)),
        now_us=call.clock.now_us(),
    )


@dataclass(frozen=True, slots=True)
class Shaping:
    """Hits as Slack shows them, read as they stand now: what is gone since it was indexed is not shown."""

    call: Call[SearchArguments]
    connection: Snapshot

    async def message_matches(self, found: Searched) -> list[Answer]:
        scope, viewer = self.call.tenant.scope, self.call.bearer.user_id
        stored = await Messages(self.connection, scope).get_many([(hit.place, hit.ts_us) for hit in found.messages.hits])
        shown = [stored[key] for hit in found.messages.hits if (key := (hit.place, hit.ts_us)) in stored and not stored[key].deleted_us]
        sight = Sight(self.connection, scope)
        channels = await sight.places({m.channel_id for m in shown})
        names = await sight.names({m.user_id for m in shown} | _partners(channels.values(), viewer))
        base = self.call.origin.page_url(self.call.bearer.team_domain)
        sought = found.sought if self.call.arguments.highlight else ()
        return [self._match(message, channels[message.channel_id], names, base, sought) for message in shown]

    def _match(self, message: Message, channel: Place, names: Mapping[str, str], base: str, sought: Sequence[Sought]) -> Answer:
        ts, team = show_ts(message.ts_us), self.call.team_id
        thread = f"?thread_ts={show_ts(message.thread_us)}" if message.thread_us is not None else ""
        match: Answer = {
            "iid": str(uuid.uuid5(_NAMESPACE, f"{team}:{message.channel_id}:{ts}")),
            "team": team,
            "channel": _channel_face(channel, names, self.call.bearer.user_id),
            "type": "im" if channel.kind is ChannelKind.IM else "group" if channel.kind is ChannelKind.PRIVATE else "message",
            "user": message.user_id,
            "username": names.get(message.user_id, ""),
            "ts": ts,
            "text": highlighted(message.text, sought),
            "permalink": f"{base}archives/{message.channel_id}/p{message.ts_us:016d}{thread}",
        }
        return match | _carried(message)

    async def file_matches(self, found: Found) -> list[Answer]:
        ids, scope = [hit.place for hit in found.hits], self.call.tenant.scope
        files = await Files(self.connection, scope).get_many(ids)
        shares = await Shares(self.connection, scope).seen(ids, self.call.bearer.user_id, sees_public=sees_public(self.call))
        names = await Sight(self.connection, scope).names({file.user_id for file in files.values()})
        site = Site(f"{self.call.origin.scheme}://{self.call.origin.host}", self.call.team_id)
        faces = []
        for hit in found.hits:
            if (file := files.get(hit.place)) is not None:
                face = file_face(file, site, shares.get(hit.place, []))
                faces.append(face | {"username": names.get(file.user_id, ""), "score": f"{hit.score:.10f}", "top_file": False})
        return faces


def _channel_face(channel: Place, names: Mapping[str, str], viewer_id: str) -> Answer:
    """A direct conversation goes by whom it is with."""
    direct = channel.kind is ChannelKind.IM
    partner = next(iter(_partners([channel], viewer_id)), "")
    face: Answer = {
        "id": channel.channel_id,
        "name": partner if direct else channel.name,
        "is_channel": channel.kind is ChannelKind.PUBLIC,
        "is_group": channel.kind is ChannelKind.PRIVATE,
        "is_im": direct,
        "is_mpim": channel.kind is ChannelKind.MPIM,
        "is_private": channel.kind is not ChannelKind.PUBLIC,
        "is_shared": False,
        "is_org_shared": False,
        "is_ext_shared": False,
        "is_pending_ext_shared": False,
        "pending_shared": [],
    }
    return face | {"user": partner, "username": names.get(partner, "")} if direct else face


def _partners(channels: Iterable[Place], viewer_id: str) -> set[str]:
    """The other one of each direct conversation; oneself where one talks to oneself."""
    pairs = [channel.people.split(",") for channel in channels if channel.kind is ChannelKind.IM]
    return {next((person for person in pair if person != viewer_id), viewer_id) for pair in pairs}


def _carried(message: Message) -> dict[str, Any]:
    carried = {} if message.extras is None else _decode(message.extras)
    return {name: carried[name] for name in ("blocks", "attachments") if name in carried}


def methods(library: Library | None = None, remembered: Remembering = FORGETFUL) -> tuple[Method, ...]:
    searching = Searching(Finding(library or PostgresAlone(), remembered))
    return (
        Method("search.messages", searching.messages, Tier.TWO, SearchArguments, SCOPE, (NoQuery,), flag=Flag.SEARCH),
        Method("search.files", searching.files, Tier.TWO, SearchArguments, SCOPE, (NoQuery,), flag=Flag.SEARCH),
        Method("search.all", searching.everything, Tier.TWO, SearchArguments, SCOPE, (NoQuery,), flag=Flag.SEARCH),
        Method("search.autocomplete", autocomplete, Tier.FOUR, AutocompleteArguments, SCOPE, flag=Flag.SEARCH),
    )
