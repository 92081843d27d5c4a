"""Addresses of messages: made, read, and answered; and what such an address in a message leads to, for those who may see it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.channels.errors import ChannelNotFound
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.channels.service import require_standing
from cells.chat.domain.messages.editing import private_of
from cells.chat.domain.messages.errors import MessageNotFound
from cells.chat.domain.messages.events import message_face
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.teams.repository import Teams
from cells.chat.domain.timestamps import show_ts
from cells.chat.domain.users.repository import Users
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.destinations import require_ts
from cells.chat.slack.drafts import UNFURL
from cells.chat.slack.registry import Method, Tier

LINKS_OF_MESSAGE_MAX = 5
LINKS_OF_PAGE_MAX = 50
MARK = "/archives/"
_LINK = re.compile(
    r"(?P<url>https?://(?P<host>[^/\s<>|]{1,260})/(?:w/[a-z0-9-]{1,63}/)?archives/(?P<channel>[CDG][A-Z0-9]{8,20})/p(?P<ts>[0-9]{11,17}))"
)
_GREY = "D0D0D0"


class PermalinkArguments(msgspec.Struct):
    channel: str
    message_ts: str


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    channel_id: str
    ts_us: int


async def get_permalink(call: Call[PermalinkArguments]) -> Answer:
    arguments = call.arguments
    ts_us = require_ts(arguments.message_ts)
    async with call.tenant.reading() as connection:
        scope = call.tenant.scope
        await require_standing(connection, scope, arguments.channel, call.bearer.user_id)
        message = await Messages(connection, scope).get(arguments.channel, ts_us)
        if message is None:
            raise MessageNotFound
        team = await Teams(connection, scope).get()
    return {"channel": arguments.channel, "permalink": permalink_of(call, team.domain if team else "", message)}


def permalink_of(call: Call[Any], domain: str, message: Message) -> str:
    """Of a reply it names the thread as well."""
    plain = f"{call.origin.page_url(domain)}archives/{message.channel_id}/p{message.ts_us}"
    return plain if message.thread_us is None else f"{plain}?thread_ts={show_ts(message.thread_us)}&cid={message.channel_id}"


def links_in(message: Message, host: str) -> list[Link]:
    """To messages of this very place; none where the author wanted none shown."""
    if MARK not in message.text or private_of(message).get(UNFURL) is False:
        return []
    found = {each["url"]: each for each in _LINK.finditer(message.text) if each["host"] == host}
    return [Link(url, each["channel"], int(each["ts"])) for url, each in found.items()][:LINKS_OF_MESSAGE_MAX]


async def show_linked(call: Call[Any], connection: AsyncConnection, messages: Sequence[Message], faces: Sequence[Answer]) -> None:
    """Put what the links lead to beneath the faces, as it is now, where the reader may see it. Asks nothing where nobody links."""
    links = {message.ts_us: found for message in messages if (found := links_in(message, call.origin.host))}
    if not links:
        return
    wanted = [link for found in links.values() for link in found][:LINKS_OF_PAGE_MAX]
    shown = await _attachments(call, connection, wanted)
    for message, face in zip(messages, faces, strict=True):
        fresh = [shown[link.url] for link in links.get(message.ts_us, ()) if link.url in shown]
        if fresh and message.deleted_us is None:
            there = face.get("attachments", [])
            face["attachments"] = [*there, *({**one, "id": number} for number, one in enumerate(fresh, len(there) + 1))]


async def _attachments(call: Call[Any], connection: AsyncConnection, links: Sequence[Link]) -> dict[str, Answer]:
    """By address; those that the reader may not see, and messages that are gone, are left out."""
    scope, me = call.tenant.scope, call.bearer.user_id
    standings = {channel: await Channels(connection, scope).get(channel, me) for channel in {link.channel_id for link in links}}
    seen = [link for link in links if (standing := standings[link.channel_id]) and standing.visible]
    found = await Messages(connection, scope).get_many({(link.channel_id, link.ts_us) for link in seen})
    authors = await Users(connection, scope).get_many(sorted({message.user_id for message in found.values()}))
    attachments = {}
    for link in seen:
        message, standing = found.get((link.channel_id, link.ts_us)), standings[link.channel_id]
        if message is not None and message.deleted_us is None and standing is not None:
            author = authors.get(message.user_id)
            place = f"Posted in #{standing.channel.name}" if standing.channel.name else "Direct message"
            attachments[link.url] = _attachment(link, message, author.real_name if author else "", place, call.team_id)
    return attachments


def _attachment(link: Link, message: Message, author: str, place: str, team_id: str) -> Answer:
    face = message_face(message, team_id)
    blocks = [{"team": team_id, "channel": link.channel_id, "ts": face["ts"], "message": {"blocks": face.get("blocks")}}]
    return {
        "from_url": link.url,
        "original_url": link.url,
        "is_msg_unfurl": True,
        "channel_id": link.channel_id,
        "channel_team": team_id,
        "ts": face["ts"],
        "author_id": message.user_id,
        "author_name": author,
        "text": message.text,
        "fallback": f"{author}: {message.text}",
        "mrkdwn_in": ["text"],
        "color": _GREY,
        "footer": place,
        **({"message_blocks": blocks} if "blocks" in face else {}),
    }


METHODS = (Method("chat.getPermalink", get_permalink, Tier.SPECIAL, PermalinkArguments, (), (ChannelNotFound, MessageNotFound)),)
