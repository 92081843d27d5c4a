"""client.counts: the whole sidebar in one call, as Slack's own clients ask for it when they start and when they come back.

Kept in Redis for a minute under the workspace's place in the log: whatever changes a count is in the log, so an answer
found under the place that holds now is what counting again would give.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from cells.chat.domain.channels.channel import ChannelKind
from cells.chat.domain.timestamps import show_ts
from cells.chat.domain.unread.counts import Line
from cells.chat.domain.unread.repository import Unread
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.conversations import shown_read
from cells.chat.slack.registry import Method, NoArguments, Tier
from cells.chat.slack.scopes import READ, any_of
from cells.runtime.log.snapshot import head_of
from cells.runtime.tenancy import PLANNED_ONCE

KEPT_S = 60
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_DIRECT = {ChannelKind.IM: "ims", ChannelKind.MPIM: "mpims"}


class Remembering(Protocol):
    async def get(self, key: str) -> bytes | None: ...

    async def keep(self, key: str, value: bytes, ttl_s: int) -> None: ...


class Forgetful:
    """Remembers nothing."""

    async def get(self, key: str) -> bytes | None:  # noqa: ARG002 - the protocol's names
        return None

    async def keep(self, key: str, value: bytes, ttl_s: int) -> None:
        pass


FORGETFUL = Forgetful()


class Counting:
    def __init__(self, remembered: Remembering) -> None:
        self._remembered = remembered

    async def counts(self, call: Call[NoArguments]) -> Answer:
        """Of the kinds of conversation that the token may read. Two statements, however many conversations."""
        kinds = [kind for kind, scopes in READ.items() if not call.bearer.scopes.isdisjoint(scopes)]
        async with call.tenant.reading(PLANNED_ONCE) as connection:
            key = _key(call, kinds, await head_of(connection, call.tenant.scope))
            kept = await self._remembered.get(key)
            if kept is not None:
                return _decode(kept)
            lines = await Unread(connection, call.tenant.scope).sidebar(call.bearer.user_id, kinds)
        answer = answer_of(lines)
        await self._remembered.keep(key, _encode(answer), KEPT_S)
        return answer


def _key(call: Call[NoArguments], kinds: Sequence[ChannelKind], seq: int) -> str:
    return f"counts:{call.team_id}:{call.bearer.user_id}:{'+'.join(kinds)}:{seq}"


def answer_of(lines: Sequence[Line]) -> Answer:
    answer: Answer = {"threads": {"has_unreads": False, "mention_count": 0}, "channels": [], "mpims": [], "ims": []}
    for line in lines:
        answer[_DIRECT.get(line.kind, "channels")].append(_line_face(line))
    badges = {name: sum(face["mention_count"] for face in answer[name]) for name in ("channels", "mpims", "ims")}
    answer["channel_badges"] = {
        "channels": badges["channels"],
        "dms": badges["ims"] + badges["mpims"],
        "app_dms": 0,
        "thread_mentions": 0,
        "thread_unreads": 0,
    }
    return answer


def _line_face(line: Line) -> Answer:
    return {
        "id": line.channel_id,
        "last_read": shown_read(line.last_read_us),
        "latest": show_ts(line.latest_us) if line.latest_us else None,
        "updated": shown_read(line.latest_us),
        "mention_count": line.counts.badge(line.kind),
        "has_unreads": line.counts.unread > 0,
    }


def methods(remembered: Remembering) -> tuple[Method, ...]:
    return (Method("client.counts", Counting(remembered).counts, Tier.THREE, scopes=any_of(READ)),)
