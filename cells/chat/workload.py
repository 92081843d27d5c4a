"""Chat as a cell's workload: what the runtime is given, and nothing it has to know."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cells.chat.commands import admit_workspace, commands
from cells.chat.domain.abuse.guard import Guard
from cells.chat.domain.addresses.planning import DUE as ADDRESSES
from cells.chat.domain.addresses.reporting import Tell, reporting
from cells.chat.domain.catalogue import chat_tables
from cells.chat.domain.presence.keeper import Presences
from cells.chat.domain.presence.sharing import Asking
from cells.chat.domain.reminders.service import DUE as REMINDERS
from cells.chat.domain.reminders.service import fire_reminder
from cells.chat.domain.retention.service import DUE as EXPIRY
from cells.chat.domain.retention.service import expire_messages
from cells.chat.domain.scheduled.service import DUE as SCHEDULED
from cells.chat.domain.scheduled.service import send_scheduled
from cells.chat.domain.searching.service import search_of
from cells.chat.domain.tokens.ending import TOKEN_ENDS, end_token
from cells.chat.domain.users.status import STATUS_ENDS, end_status
from cells.chat.exchange.verbs import exchanges
from cells.chat.files.filing import filing
from cells.chat.files.settings import FileSettings
from cells.chat.graphql.door import GraphQL
from cells.chat.people_commands import people_commands
from cells.chat.search.settings import SearchSettings
from cells.chat.slack.archives import Archives
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.counts import FORGETFUL, Remembering
from cells.chat.slack.dispatch import Dispatch
from cells.chat.slack.limits import Limits
from cells.chat.slack.methods import all_methods
from cells.chat.slack.people import PUBLIC_URL, People
from cells.chat.slack.photos import PhotoDoor
from cells.chat.slack.rtm import Once, RtmSessions
from cells.chat.slack.signin_page import SigninPage
from cells.runtime.workload import Workload
from chassis.clock import Clock
from chassis.flags import Switchboard
from chassis.mail import Mailer

MONTHS_AHEAD = 12
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
    flags = flags or Switchboard()
    bearers, presences = Bearers(clock), Presences(clock, shared, flags)
    limits = Limits(clock, rate_limits, shared) if rate_limits else None
    kept = filing(files or FileSettings(), clock, flags)
    searching = search_of(search or SearchSettings(), cell, clock)
    guard = Guard(clock)
    watching = guard if rate_limits else None
    people = People(bearers, public_url=public_url) if mailer is None else People(bearers, mailer, public_url)
    api = Dispatch(
        all_methods(remembered, presences, kept.intake, watching, people, searching.library),
        bearers,
        clock,
        limits,
        presences.on_call,
        flags,
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with searching.running(), presences.running(), people.running():
            if limits is None:
                yield
                return
            async with limits.running():
                yield

    return Workload(
        name="chat",
        tables=chat_tables(),
        app=GraphQL(PhotoDoor(SigninPage(Archives(kept.before(api, bearers.require)))), bearers.require, presences, clock, flags),
        commands={**commands(bearers, guard), **people_commands(people, clock), **searching.commands},
        admit=admit_workspace,
        exchanges=exchanges(kept.intake, flags),
        sessions=RtmSessions(clock, once, presences, watching, flags),
        attendance=presences,
        lifespan=lifespan,
        partitions={"make_message_partitions": MONTHS_AHEAD},
        emptied={"messages": EMPTY_DAYS},
        log_readers=("search_progress",),
        due={
            STATUS_ENDS: end_status,
            TOKEN_ENDS: end_token,
            SCHEDULED: send_scheduled,
            REMINDERS: fire_reminder,
            EXPIRY: expire_messages,
            **kept.due,
        },
        errands=kept.errands if tell_addresses is None else {**kept.errands, ADDRESSES: reporting(tell_addresses)},
        followers=searching.followers,
        notices=searching.notices,
        attachments=kept.attachments,
    )
