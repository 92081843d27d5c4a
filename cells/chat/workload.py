"""Chat as a cell's workload: what the runtime is given, and nothing it has to know."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

from cells.chat.commands import admit_workspace, commands
from cells.chat.domain.abuse.guard import Guard
from cells.chat.domain.addresses.planning import DUE as ADDRESSES
from cells.chat.domain.addresses.reporting import Tell, reporting
from cells.chat.domain.catalogue import chat_tables
from cells.chat.domain.messages.rehearsing import RehearsePost
from cells.chat.domain.presence.keeper import Presences
from cells.chat.domain.presence.sharing import Asking
from cells.chat.domain.reminders.service import DUE as REMINDERS
from cells.chat.domain.reminders.service import fire_reminder
from cells.chat.domain.retention.service import DUE as EXPIRY
from cells.chat.domain.retention.service import expire_messages
from cells.chat.domain.scheduled.service import DUE as SCHEDULED
from cells.chat.domain.scheduled.service import send_scheduled
from cells.chat.domain.searching.service import Search, search_of
from cells.chat.domain.tokens.ending import TOKEN_ENDS, end_token
from cells.chat.domain.users.status import STATUS_ENDS, end_status
from cells.chat.exchange.verbs import exchanges
from cells.chat.files.filing import Filing, filing
from cells.chat.files.settings import FileSettings
from cells.chat.graphql.door import GraphQL
from cells.chat.people_commands import people_commands
from cells.chat.search.settings import SearchSettings
from cells.chat.slack.archives import Archives
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.counts import FORGETFUL, Remembering
from cells.chat.slack.dispatch import Dispatch
from cells.chat.slack.front_page import FrontPage
from cells.chat.slack.limits import Limits
from cells.chat.slack.methods import all_methods
from cells.chat.slack.people import PUBLIC_URL, People
from cells.chat.slack.photos import PhotoDoor
from cells.chat.slack.rtm import Once, RtmSessions
from cells.chat.slack.signin_page import SigninPage
from cells.runtime.workload import ASGIApp, Command, DueHandle, Errand, Workload
from chassis.clock import Clock
from chassis.flags import Switchboard
from chassis.mail import Mailer

MONTHS_AHEAD = 3
"""Enough for workers that were away for a month. More would cost everybody: whatever asks for messages is planned over each."""
EMPTY_DAYS = 62
"""The month before this one is made again and again, so it is left alone."""


def chat(
    clock: Clock,
    once: Once,
    remembered: Remembering = FORGETFUL,
    shared: Asking | None = None,
    rate_limits: float = 0.0,
    files: FileSettings | None = None,
    search: SearchSettings | None = None,
    cell: str = "cell",
    mailer: Mailer | None = None,
    public_url: str = PUBLIC_URL,
    tell_addresses: Tell | None = None,
    flags: Switchboard | None = None,
) -> Workload:
    """`once` makes sockets' tickets good for one use across the cell's processes (`cells.runtime.bus.Claims`);
    `remembered` spares the counting of a sidebar that was counted a moment ago (`cells.runtime.bus.Remembered`).
    `shared` is where processes tell one another who is here (`cells.runtime.bus.Shared`); without it presence says nothing, and each
    process limits calls for itself. `rate_limits` is how many times what the tiers allow is let through; 0: everything is.
    `search` says which engines find what was said in `cell`. `files` says where files lie.
    `mailer` takes letters to people, with links that begin with `public_url`; without it none is sent. `tell_addresses`
    hears whose addresses are in a workspace. `flags` is what operators switch off; without it everything is on.
    """
    flags, bearers = flags or Switchboard(), Bearers(clock)
    rooms = _Rooms(
        clock=clock,
        flags=flags,
        bearers=bearers,
        presences=Presences(clock, shared, flags),
        people=People(bearers, public_url=public_url) if mailer is None else People(bearers, mailer, public_url),
        files=filing(files or FileSettings(), clock, flags),
        search=search_of(search or SearchSettings(), cell, clock),
        guard=Guard(clock),
        limits=Limits(clock, rate_limits, shared) if rate_limits else None,
    )
    return Workload(
        name="chat",
        tables=chat_tables(),
        app=_doors(rooms, remembered),
        commands=_commands(rooms),
        admit=admit_workspace,
        exchanges=exchanges(rooms.files.intake, flags),
        sessions=RtmSessions(clock, once, rooms.presences, rooms.watching, flags),
        attendance=rooms.presences,
        lifespan=rooms.running,
        partitions={"make_message_partitions": MONTHS_AHEAD},
        emptied={"messages": EMPTY_DAYS},
        log_readers=("search_progress",),
        due=_due(rooms),
        errands=_errands(rooms, tell_addresses),
        followers=rooms.search.followers,
        notices=rooms.search.notices,
        attachments=rooms.files.attachments,
        rehearsal=RehearsePost,
        forget=rooms.search.forget,
    )


@dataclass(frozen=True, slots=True)
class _Rooms:
    """What chat is put together of, one of each in a process."""

    clock: Clock
    flags: Switchboard
    bearers: Bearers
    presences: Presences
    people: People
    files: Filing
    search: Search
    guard: Guard
    limits: Limits | None

    @property
    def watching(self) -> Guard | None:
        """Floods are looked out for where calls are limited."""
        return None if self.limits is None else self.guard

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        limiting = nullcontext() if self.limits is None else self.limits.running()
        async with self.search.running(), self.presences.running(), self.people.running(), limiting:
            yield


def _doors(rooms: _Rooms, remembered: Remembering) -> ASGIApp:
    """From the Slack methods outwards: each door takes what is its own and leaves the rest to the one before."""
    app: ASGIApp = Dispatch(
        all_methods(remembered, rooms.presences, rooms.files.intake, rooms.watching, rooms.people, rooms.search.library),
        rooms.bearers,
        rooms.clock,
        rooms.limits,
        rooms.presences.on_call,
        rooms.flags,
    )
    app = rooms.files.before(app, rooms.bearers.require)
    app = FrontPage(SigninPage(Archives(app)), rooms.people.public_url)
    return GraphQL(PhotoDoor(app), rooms.bearers.require, rooms.presences, rooms.clock, rooms.flags)


def _commands(rooms: _Rooms) -> Mapping[str, Command]:
    """An administrator's verbs."""
    return {**commands(rooms.bearers, rooms.guard), **people_commands(rooms.people, rooms.clock), **rooms.search.commands}


def _due(rooms: _Rooms) -> Mapping[str, DueHandle]:
    """What happens in a workspace when its time has come."""
    return {
        STATUS_ENDS: end_status,
        TOKEN_ENDS: end_token,
        SCHEDULED: send_scheduled,
        REMINDERS: fire_reminder,
        EXPIRY: expire_messages,
        **rooms.files.due,
    }


def _errands(rooms: _Rooms, tell_addresses: Tell | None) -> Mapping[str, Errand]:
    """The same outside its database."""
    return rooms.files.errands if tell_addresses is None else {**rooms.files.errands, ADDRESSES: reporting(tell_addresses)}
