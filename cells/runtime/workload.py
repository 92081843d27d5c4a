"""What a workload is to a cell: an ASGI app, tables, an administrator's verbs, and (if it has sockets) sessions.

The runtime calls these and knows nothing of what they do. Chat is one workload; `examples/` may hold others.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.log import Change, LoggedEvent, LoggedTenant, Transaction
from cells.runtime.tenancy import TenantScope
from chassis.identity import WorkspaceId

R = TypeVar("R")
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Any], Awaitable[None]]
"""Takes a dict. Frameworks declare a MutableMapping there; `Any` lets an app of either kind be a workload."""
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

TENANT_KEY = "waggle.tenant"
"""Where the ASGI scope holds the `Tenant` of a request."""


class Tenant(Protocol):
    """All that a request may touch: one workspace's rows and its log. Made by the runtime, one a request."""

    @property
    def scope(self) -> TenantScope: ...

    @property
    def secret(self) -> bytes:
        """32 random bytes of this workspace, for signatures; they travel with it."""

    @property
    def committed(self) -> bool:
        """Whether a change was committed through it: what fails after that must not be called *not executed*."""

    def reading(self, *settings: str) -> AbstractAsyncContextManager[AsyncConnection]:
        """A read-only transaction that sees this workspace's rows alone (row-level security).

        `settings`: what else holds in it, as `SET LOCAL` says it.
        """

    async def commit(self, change: Change[R]) -> R:
        """Apply a change under the fence, in one transaction with the events it appends; returns after COMMIT.

        Raises what the change raises (nothing is stored then), or NotExecuted.
        """

    def tell(self, groups: tuple[str, ...], text: str, *, without: tuple[str, ...] = (), key: str = "", here: bool = False) -> bool:
        """Say something to the sessions in any of `groups` but those in any of `without`, now and never again: it is not
        kept, may be lost, and is the first thing dropped where a link or a socket is slow; there the last of a `key`
        stands for all. Returns at once. False: nobody was told, for what has a `key` is not said while Redis is away.
        `here`: to the sessions of this process alone.
        """

    def tell_each(self, pieces: Mapping[str, str], text: str, *, key: str, here: bool = False) -> bool:
        """As `tell`, to each session its own text: `text` with the pieces of those groups that it is in, in place of its first
        `[]`, as a JSON array.
        """


@dataclass(frozen=True, slots=True)
class Handshake:
    """A client's WebSocket upgrade as the router saw it."""

    path: str
    query: Mapping[str, str]
    headers: Sequence[tuple[bytes, bytes]]
    client: str
    scheme: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """A session let in: whose it is, and what the socket is told first (hello)."""

    user_id: str
    messages: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    following: frozenset[str] = frozenset()
    """Groups that the session chose itself (`Following`), beside those of its user; they survive a resume."""
    numbered: bool = False
    """The client wants `"seq"` in each message (JSON objects), so that it can name the last one when it comes back."""
    after_seq: int | None = None
    """Where a client that comes back stood: it is given what it missed since. None: it starts at the head of the log."""
    subject: str = ""
    """What `Sessions.groups` is asked about, where that is more than the user: the user and a token, say."""

    @property
    def asked_about(self) -> str:
        return self.subject or self.user_id


@dataclass(frozen=True, slots=True)
class Refused:
    """A session turned away before the upgrade, with an HTTP status (401, 403, 404)."""

    status: int
    detail: str


@dataclass(frozen=True, slots=True)
class Regrouping:
    """A user's sessions enter or leave a group, from the event that says so on."""

    user_id: str
    group: str
    joined: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """The user's sessions that were admitted with one of these subjects end, from the event that says so on."""

    user_id: str
    subjects: frozenset[str]
    detail: str


@dataclass(frozen=True, slots=True)
class Passing:
    """Something a session says to groups that it is in itself, now and never again (see `Tenant.tell`); else nothing happens."""

    groups: tuple[str, ...]
    text: str
    without: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class Following:
    """From now on the session hears these groups, instead of those it chose before. For `Tenant.tell`, not for the log."""

    groups: frozenset[str]
    then: Callable[[], Awaitable[Sequence[str]]] | None = None
    """Asked once the groups are joined: what this socket is told, so that nothing falls between a look and the first news."""


Effect = str | Passing | Following
"""What a client's message leads to. A text goes back on this socket alone."""


class Sessions(Protocol):
    """What the gateway asks of a workload with sockets."""

    async def admit(self, tenant: Tenant, handshake: Handshake) -> Admitted | Refused: ...

    async def groups(self, connection: AsyncConnection, scope: TenantScope, subjects: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Every group that the sessions of each subject (`Admitted.asked_about`) belong to now, read inside the snapshot of
        `connection`. Who is left out of the answer is not let in.
        """

    def regroupings(self, event: LoggedEvent) -> Sequence[Regrouping | Ending]:
        """How this event changes groups, and which sessions it ends; empty for most. Pure."""

    async def on_message(self, tenant: Tenant, session: Admitted, text: str) -> Sequence[Effect]:
        """A text frame from the client, and what follows from it, in order."""


class Attendance(Protocol):
    """Who is here, for a workload that wants to know. Called on the loop; must return at once and not raise."""

    def on_arrival(self, tenant: Tenant, session: Admitted, *, resumed: bool) -> None:
        """`resumed`: the client has been here all the while; only its session comes from elsewhere."""

    def on_departure(self, tenant: Tenant, session: Admitted, *, gone: bool) -> None:
        """`gone`: the client's socket is closed. Otherwise its session is about to be opened elsewhere."""

    def on_following(self, tenant: Tenant, before: Admitted, after: Admitted) -> None: ...

    def on_heard(self, workspace_id: WorkspaceId, key: str, text: str) -> None:
        """Something with a key was said to the sessions here (`Tenant.tell`), by this process or another."""


Command = Callable[[Tenant, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""An administrator's verb: JSON object in, JSON object out; refuses by raising a DomainError-like with `.code`."""


DueHandle = Callable[[Transaction, str], Awaitable[None]]
"""Does what is due now, given its key, in the transaction that takes it off the list. Must refuse nothing: what raises is
tried again, for ever (`cells.runtime.jobs.plan_due`)."""

Errand = Callable[[Tenant, str], Awaitable[None]]
"""Does what is due now, given its key, outside the database, and takes its row away (`cells.runtime.jobs.drop_due`) in the change
that stores what came of it. What raises, or dies, is done again after a while."""


class Attachments(Protocol):
    """A workspace's bytes outside the database. A move copies them as they lie, under the same keys; a key is written once."""

    @property
    def told_by(self) -> frozenset[str]:
        """Tables whose rows speak of them. Such a row is stored after its bytes, and bytes of which no row speaks are nobody's: so
        nothing is looked for while people wait for a move, unless such a row has changed in the last moment."""

    async def place(self) -> str:
        """Which store they lie in: cells that name the same one share it, and nothing is copied between them."""

    def list(self, workspace_id: WorkspaceId) -> AsyncIterator[tuple[str, int]]:
        """Keys and sizes in bytes."""

    def read(self, key: str) -> AsyncIterator[bytes]: ...

    async def size(self, key: str) -> int | None:
        """None where there is none."""

    async def write(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """All or nothing; how many bytes."""

    async def purge(self, workspace_id: WorkspaceId) -> int:
        """Remove a part of them; how many, 0 when none are left."""


Forget = Callable[[WorkspaceId], Awaitable[int]]
"""Take away a part of what is kept of a workspace beside its rows and can be made anew from them (an index); how much, 0 when
nothing is left. Called when the workspace has left the cell for good and its rows are gone; may be said again.
"""

Follower = Callable[[LoggedTenant], Awaitable[None]]
"""Follows one workspace in a worker for as long as it lives in the cell at this epoch, and then returns."""

Exchange = Callable[[Tenant, AsyncIterator[bytes]], AsyncIterator[bytes]]
"""A verb that takes or gives more than fits in one answer: pieces in, pieces out, both in order, neither ever held as a whole."""


@dataclass(frozen=True)
class Workload:
    name: str
    tables: MetaData
    app: ASGIApp
    commands: Mapping[str, Command]
    admit: Command
    """Called once when a workspace is admitted, with AdmitRequest.arguments plus workspace name and subdomain; must be idempotent."""
    exchanges: Mapping[str, Exchange] = field(default_factory=dict)
    sessions: Sessions | None = None
    attendance: Attendance | None = None
    lifespan: Callable[[], AbstractAsyncContextManager[None]] | None = None
    partitions: Mapping[str, int] = field(default_factory=dict)
    """SQL functions that make partitions of its tables, each called now and then with how many periods ahead."""
    emptied: Mapping[str, int] = field(default_factory=dict)
    """Its partitioned tables; a partition that ended so many days ago and in which no workspace has a row any more is taken out."""
    log_readers: Sequence[str] = ()
    """Tables of its own with a `seq`: how far readers of the log are. What they have not read of it stays."""
    due: Mapping[str, DueHandle] = field(default_factory=dict)
    """What its work for later is done by, by name."""
    errands: Mapping[str, Errand] = field(default_factory=dict)
    """The same for work outside the database."""
    followers: Mapping[str, Follower] = field(default_factory=dict)
    """What a worker runs for each workspace, by name."""
    notices: Callable[[], Sequence[str]] = tuple
    """What an operator should know of this process now, in sentences; `waggle status` shows them."""
    attachments: Attachments | None = None
    rehearsal: Callable[[], Change[Any]] | None = None
    """What people do most, about nobody. A cell to which a workspace moves does it and takes it back before its people are made to
    wait: its statements are planned then, and the first who come need not wait for that."""
    forget: Forget | None = None
