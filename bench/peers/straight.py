"""No proxy: the cell's workload under Hypercorn, over the cell's own database. What any proxy is compared with.

`python -m bench.peers.straight PORT DATABASE_URL`
"""

import asyncio
import sys

import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config

from cells.chat.workload import chat
from cells.runtime.bus import Claims
from cells.runtime.log import Tenants, WorkspaceLog
from cells.runtime.tenancy import TenancyTable, open_database
from cells.runtime.workload import TENANT_KEY, ASGIApp, Receive, Scope, Send
from chassis.clock import SystemClock
from chassis.identity import workspace_of_token


def straight(app: ASGIApp, tenants: Tenants) -> ASGIApp:
    """Gives each request its tenant, as ingress does; nothing else."""

    async def serve_one(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("HTTP only")
        token = dict(scope["headers"])[b"authorization"].decode().removeprefix("Bearer ")
        workspace_id = workspace_of_token(token)
        row = tenants.table.get(workspace_id) if workspace_id else None
        if row is None:
            raise RuntimeError("no workspace of this cell")
        scope[TENANT_KEY] = tenants.of(row)
        scope["waggle.request_id"] = ""
        await app(scope, receive, send)

    return serve_one


async def run(port: int, database_url: str) -> None:
    clock = SystemClock()
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_max_requests = 1_000_000_000
    async with open_database(database_url, application="bench-straight") as database:
        table, log = TenancyTable(database), WorkspaceLog(database, None, clock)
        async with table.watching():
            await table.refresh()
            app = straight(chat(clock, Claims(None, clock)).app, Tenants(table, database, log))
            await serve(app, config)  # type: ignore[arg-type]  # Hypercorn types ASGI apps narrower than ours


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(int(sys.argv[1]), sys.argv[2]))
