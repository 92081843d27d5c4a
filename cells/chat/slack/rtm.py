"""Real Time Messaging: the ticket, and what a client may say on its socket (https://api.slack.com/rtm)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.channels.events import JOINED, LEFT
from cells.chat.domain.errors import DomainError, SwitchedOff
from cells.chat.domain.members.repository import Members
from cells.chat.domain.messages.posting import PostMessage
from cells.chat.domain.messages.service import checked_text
from cells.chat.domain.presence.keeper import Presences
from cells.chat.domain.roles.audience import FULL_MEMBERS, REACH_CHANGED
from cells.chat.domain.tokens.errors import MissingScope
from cells.chat.domain.tokens.events import TOKENS_REVOKED
from cells.chat.domain.tokens.repository import Tokens
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.calling import with_called
from cells.chat.slack.destinations import checked_client_msg_id, destination, thread_of
from cells.chat.slack.errors import InvalidArguments
from cells.chat.slack.guarding import Guarding, Unguarded, admit
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.tickets import LIFETIME_S, make_ticket, read_ticket
from cells.chat.slack.typings import Typings
from cells.chat.slack.watching import on_presence_query, on_presence_sub
from cells.runtime.log import LoggedEvent
from cells.runtime.tenancy import TenantScope
from cells.runtime.workload import Admitted, Effect, Ending, Handshake, Refused, Regrouping, Tenant
from chassis.clock import Clock
from chassis.flags import Flag, Switchboard
from chassis.identity import AppId, BotId, UserId

_PATH = re.compile(r"/rtm/(?P<workspace>T[0-9A-Z]+)/(?P<ticket>[A-Za-z0-9.]{1,200})/?")
_JOINING, _LEAVING = frozenset(JOINED.values()), frozenset(LEFT.values())
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


SEQ_DIGITS_MAX = 18
_ACTIVE = frozenset(("message", "typing", "tickle"))
"""What a person does, and a program left alone does not."""


class Connect(msgspec.Struct):
    """Beyond Slack's own: `seq` asks for the place of each event, `resume` names the last one had (docs/realtime.md)."""

    seq: bool = False
    resume: int | None = None
    batch_presence_aware: bool = False
    """The news of several users' presence may come in one frame (`users`)."""


def subject_of(user_id: str, token_id: str) -> str:
    """What a session was opened with."""
    return f"{user_id} {token_id}"


class Once(Protocol):
    async def claim(self, name: str, ttl_s: int) -> bool:
        """True for the first caller within `ttl_s`, False for every other."""


async def connect(call: Call[Connect]) -> Answer:
    bearer = call.bearer
    ticket = make_ticket(call.tenant.secret, bearer, call.clock.now_us(), may_post="chat:write" in bearer.scopes)
    return {
        "url": call.origin.socket_url(call.team_id, ticket) + _query_of(call.arguments),
        "team": {"id": call.team_id, "name": bearer.team_name, "domain": bearer.team_domain},
        "self": {"id": bearer.user_id, "name": bearer.user_name},
    }


METHODS = (
    Method("rtm.connect", connect, Tier.ONE, arguments=Connect),
    Method("rtm.start", connect, Tier.ONE, arguments=Connect),
)


def _query_of(wanted: Connect) -> str:
    asked = []
    if wanted.resume is not None and wanted.resume >= 0:
        asked += ["seq=1", f"resume={wanted.resume}"]
    elif wanted.seq:
        asked += ["seq=1"]
    if wanted.batch_presence_aware:
        asked += ["batch_presence_aware=1"]
    return f"?{'&'.join(asked)}" if asked else ""


class RtmSessions:
    """The `Sessions` of chat."""

    def __init__(
        self, clock: Clock, once: Once, presences: Presences, guard: Guarding | None = None, flags: Switchboard | None = None
    ) -> None:
        self._clock = clock
        self._once = once
        self._presences = presences
        self._guard = guard or Unguarded()
        self._flags = flags or Switchboard()
        self._typings = Typings(clock)

    async def admit(self, tenant: Tenant, handshake: Handshake) -> Admitted | Refused:
        found = _PATH.fullmatch(handshake.path)
        if found is None:
            return Refused(404, "no socket here")
        if found["workspace"] != tenant.scope.workspace_id:
            return Refused(401, "not a ticket of this workspace")
        resume = handshake.query.get("resume", "")
        if resume and not (resume.isascii() and resume.isdigit() and len(resume) <= SEQ_DIGITS_MAX):
            return Refused(400, "resume must be the seq of an event")
        ticket = read_ticket(tenant.secret, found["ticket"], self._clock.now_us())
        if ticket is None or not await self._once.claim(f"rtm:{tenant.scope.workspace_id}:{ticket.nonce}", LIFETIME_S + 1):
            return Refused(401, "the ticket is used, out of date or forged")
        facts = {"bot_id": ticket.bot_id, "app_id": ticket.app_id, "may_post": "1" if ticket.may_post else ""}
        if handshake.query.get("batch_presence_aware") == "1":
            facts["batches"] = "1"
        numbered = bool(resume) or handshake.query.get("seq") == "1"
        return Admitted(
            user_id=ticket.user_id,
            messages=('{"type":"hello"}',),
            facts=facts,
            numbered=numbered,
            after_seq=int(resume) if resume else None,
            subject=subject_of(ticket.user_id, ticket.token_id),
        )

    async def groups(self, connection: AsyncConnection, scope: TenantScope, subjects: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Of users that are switched on, as far as the token that each came with lives."""
        came = {subject: tuple(subject.split(" ")) for subject in subjects}
        living = await Tokens(connection, scope).living([token_id for _, token_id in came.values()], self._clock.now_us())
        groups = await Members(connection, scope).groups_of_active([user_id for user_id, _ in came.values()])
        return {subject: groups[user_id] for subject, (user_id, token_id) in came.items() if user_id in groups and token_id in living}

    def regroupings(self, event: LoggedEvent) -> Sequence[Regrouping | Ending]:
        """The events that tell a user alone of a channel are the ones that move the user's sessions; tokens take theirs along."""
        if event.kind == TOKENS_REVOKED:
            (user_id,), ids = event.audience, _decode(event.payload)["token_ids"]
            return (Ending(user_id, frozenset(subject_of(user_id, token_id) for token_id in ids), "the token was revoked"),)
        if event.kind == REACH_CHANGED:
            return (Regrouping(event.audience[0], FULL_MEMBERS, _decode(event.payload)["full"]),)
        joined = event.kind in _JOINING
        if not joined and event.kind not in _LEAVING:
            return ()
        channel = _decode(event.payload)["channel"]
        channel_id = channel["id"] if joined else channel
        return tuple(Regrouping(user_id, channel_id, joined) for user_id in event.audience)

    async def on_message(self, tenant: Tenant, session: Admitted, text: str) -> Sequence[Effect]:
        try:
            frame = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            frame = None
        if not isinstance(frame, dict):
            return (_said({"ok": False, "error": {"code": 1, "msg": "not a JSON object"}}),)
        kind = frame.get("type")
        if kind == "ping":
            echoed = {name: value for name, value in frame.items() if name not in ("id", "type")}
            return (_said({"type": "pong", "reply_to": frame.get("id"), **echoed}),)
        if session.facts.get("app_id") and self._flags.off(Flag.APPS, tenant.scope.workspace_id):
            echo = {"reply_to": frame["id"]} if "id" in frame else {}
            return (_said({"ok": False, **echo, "error": {"code": 2, "msg": SwitchedOff.code}}),)
        if kind in _ACTIVE:
            self._presences.on_activity(tenant, session.user_id)
        if kind == "message":
            return (_said(await self._post(tenant, session, frame)),)
        if kind == "typing":
            return self._typings.on_typing(tenant.scope.workspace_id, session, frame)
        if kind == "presence_sub":
            return await on_presence_sub(self._presences, tenant, session, frame)
        if kind == "presence_query":
            return await on_presence_query(self._presences, tenant, frame)
        return ()

    async def _post(self, tenant: Tenant, session: Admitted, frame: Mapping[str, Any]) -> Answer:
        reply: Answer = {"ok": True}
        if "id" in frame:
            reply["reply_to"] = frame["id"]
        try:
            change = await with_called(self._presences, tenant, await _change_of(tenant, session, frame))
            await admit(self._guard, tenant, change)
            posted = await tenant.commit(change)
        except DomainError as error:
            return reply | {"ok": False, "error": {"code": 2, "msg": error.code}}
        return reply | {"ts": posted.face["ts"], "text": posted.message.text}


async def _change_of(tenant: Tenant, session: Admitted, frame: Mapping[str, Any]) -> PostMessage:
    if not session.facts.get("may_post"):
        raise MissingScope("chat:write", "")
    user_id = UserId(session.user_id)
    said = checked_text(_text(frame, "text"), None)
    return PostMessage(
        channel_id=await destination(tenant, user_id, _text(frame, "channel")),
        user_id=user_id,
        text=said,
        bot_id=BotId(bot_id) if (bot_id := session.facts.get("bot_id")) else None,
        app_id=AppId(app_id) if (app_id := session.facts.get("app_id")) else None,
        thread_us=thread_of(_text(frame, "thread_ts")),
        broadcast=frame.get("reply_broadcast") is True,
        client_msg_id=checked_client_msg_id(_text(frame, "client_msg_id")),
    )


def _text(frame: Mapping[str, Any], name: str) -> str:
    value = frame.get(name) or ""
    if not isinstance(value, str) or "\x00" in value:
        raise InvalidArguments(f"must be a string without NUL [json-pointer:/{name}]")
    return value


def _said(frame: Answer) -> str:
    return _encode(frame).decode()
