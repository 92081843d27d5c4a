"""Chat without a network: its ASGI app called in process, over the real log and a real database.

async with a_chat(cell_database) as chat:
    acme = await chat.found("acme")
    reply = await acme.owner.call("chat.postMessage", channel=acme.general, text="hi")
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from cells.chat.files.settings import FileSettings
from cells.chat.workload import chat
from cells.runtime.bus import Claims
from cells.runtime.log import LoggedEvent, LoggedTenant, WorkspaceLog
from cells.runtime.tenancy import Database, Tenancy, TenancyState, TenantScope
from cells.runtime.workload import TENANT_KEY, Workload
from chassis.clock import Clock, SystemClock
from chassis.flags import Switchboard
from chassis.mail import Mailer
from tests.harness.databases import FreshDatabase
from tests.harness.shown import write_down
from tests.harness.workspaces import a_log, a_workspace

HOST = "chat.test:8080"
SECRET = b"s" * 32
CLIENT = "192.0.2.1"
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class HttpReply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded


async def exchange(
    app: Any, tenant: LoggedTenant, verb: str, path: str, query: bytes, headers: Headers, body: bytes, address: str = ""
) -> HttpReply:
    """One HTTP exchange, the body in one piece; `address` is the client's."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": verb, "path": path, "query_string": query, "headers": headers, "scheme": "http", TENANT_KEY: tenant}
    scope["client"] = (address or CLIENT, 0)
    await app(scope, receive, send)
    start, *rest = sent
    shown = {name.decode(): value.decode() for name, value in start["headers"]}
    said = b"".join(part["body"] for part in rest)
    if shown.get("content-type", "").startswith("application/json"):
        write_down(path, said)
    return HttpReply(start["status"], shown, said)


class ChatClient:
    """One token's calls."""

    def __init__(self, app: Any, tenant: LoggedTenant, token: str, user_id: str = "") -> None:
        self._app = app
        self.tenant = tenant
        self.token = token
        self.user_id = user_id
        self.address = ""

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """As slack_sdk does it: a form for plain arguments."""
        return (await self.form(method, arguments)).json

    async def form(self, method: str, arguments: Mapping[str, Any]) -> HttpReply:
        fields = {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in arguments.items()}
        return await self.raw(method, urlencode(fields).encode(), "application/x-www-form-urlencoded")

    async def json(self, method: str, arguments: Any) -> HttpReply:
        return await self.raw(method, json.dumps(arguments).encode(), "application/json; charset=utf-8")

    async def get(self, method: str, **arguments: Any) -> HttpReply:
        return await self.raw(method, b"", None, verb="GET", query=urlencode(arguments).encode())

    async def raw(
        self, method: str, body: bytes, content_type: str | None, *, verb: str = "POST", query: bytes = b"", token: str | None = None
    ) -> HttpReply:
        """`token=""` sends no Authorization."""
        headers: Headers = [(b"host", HOST.encode())]
        bearer = self.token if token is None else token
        if bearer:
            headers.append((b"authorization", f"Bearer {bearer}".encode()))
        if content_type is not None:
            headers.append((b"content-type", content_type.encode()))
        return await exchange(self._app, self.tenant, verb, f"/api/{method}", query, headers, body, self.address)


@dataclass(frozen=True)
class Workspace:
    """A founded workspace: its owner, its bot, and everyone who is added."""

    workload: Workload
    tenant: LoggedTenant
    owner: ChatClient
    bot: ChatClient
    general: str

    @property
    def scope(self) -> TenantScope:
        return self.tenant.scope

    def client(self, token: str, user_id: str = "") -> ChatClient:
        return ChatClient(self.workload.app, self.tenant, token, user_id)

    async def command(self, name: str, /, **arguments: Any) -> Mapping[str, Any]:
        return await self.workload.commands[name](self.tenant, arguments)

    async def add(self, name: str, role: str = "member") -> ChatClient:
        added = await self.command("user.add", email=f"{name}@example.com", name=name, role=role)
        return self.client(added["token"], added["user_id"])

    async def with_scopes(self, *scopes: str, bot: bool = False) -> ChatClient:
        """The owner, or the bot, with a token of these scopes alone."""
        made = await self.command("token.create", scopes=list(scopes), bot=bot)
        return self.client(made["token"], made["user_id"])

    async def events(self, after_seq: int = 0) -> Sequence[LoggedEvent]:
        return await self.tenant.log.read(self.scope, after_seq)

    async def head(self) -> int:
        return await self.tenant.log.head(self.scope)


@dataclass(frozen=True)
class Chat:
    """A cell's worth of chat: one workload, any number of workspaces."""

    databases: FreshDatabase
    workload: Workload
    database: Database
    log: WorkspaceLog

    async def found(self, name: str, plan: str = "") -> Workspace:
        scope = await a_workspace(self.databases.owner_url)
        tenancy = Tenancy(
            workspace_id=scope.workspace_id,
            epoch=scope.epoch,
            state=TenancyState.ACTIVE,
            seq=0,
            last_ts_us=0,
            moved_to="",
            secret=SECRET,
            name=name,
            subdomain=name,
        )
        tenant = LoggedTenant(tenancy, scope, self.database, self.log)
        made = await self.workload.admit(
            tenant, {"name": name, "subdomain": name, "owner_email": f"owner@{name}.example.com", "plan": plan}
        )
        owner = ChatClient(self.workload.app, tenant, made["tokens"]["owner"], made["owner_id"])
        bot = ChatClient(self.workload.app, tenant, made["tokens"]["bot"], made["bot_id"])
        return Workspace(self.workload, tenant, owner, bot, made["general_id"])


@asynccontextmanager
async def a_chat(
    databases: FreshDatabase, clock: Clock | None = None, mailer: Mailer | None = None, flags: Switchboard | None = None
) -> AsyncIterator[Chat]:
    clock = clock or SystemClock()
    async with a_log(databases.app_url) as (database, log):
        files = FileSettings(store="memory://")
        yield Chat(databases, chat(clock, Claims(None, clock), files=files, mailer=mailer, flags=flags), database, log)
