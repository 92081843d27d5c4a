"""A notes app as a cell's workload: `POST /notes` stores a line of text, `GET /notes` lists them, each workspace its own.

The cell gives what is hard: one owner, moves, the log, isolation. The app must do three things: take its rows through the
request's tenant, change them through `commit`, and let NotExecuted pass (so plain routing, without a catch-all for errors).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Column, MetaData, Text, insert, select
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router

from cells.runtime.log import EVERYONE, Event, Transaction
from cells.runtime.tenancy import tenant_table
from cells.runtime.workload import TENANT_KEY, Tenant, Workload
from chassis.identity import make_id

TEXT_CHARACTERS_MAX = 1000

metadata = MetaData()
notes_table = tenant_table("notes", metadata, Column("note_id", Text, primary_key=True), Column("text", Text, nullable=False))


@dataclass(frozen=True)
class AddNote:
    """Store a note and announce it; both or neither."""

    text: str

    async def apply(self, tx: Transaction) -> str:
        note_id = make_id("N")
        await tx.connection.execute(insert(notes_table).values(workspace_id=tx.scope.workspace_id, note_id=note_id, text=self.text))
        tx.append(Event("note_added", (EVERYONE,), msgspec.json.encode({"id": note_id, "text": self.text}).decode()))
        return note_id


async def add(request: Request) -> JSONResponse:
    tenant: Tenant = request.scope[TENANT_KEY]
    text = (await request.body()).decode("utf-8", "replace").strip()
    if not 0 < len(text) <= TEXT_CHARACTERS_MAX:
        return JSONResponse({"error": f"a note has 1 to {TEXT_CHARACTERS_MAX} characters"}, 422)
    return JSONResponse({"id": await tenant.commit(AddNote(text))}, 201)


async def every(request: Request) -> JSONResponse:
    tenant: Tenant = request.scope[TENANT_KEY]
    async with tenant.reading() as connection:
        rows = await connection.execute(select(notes_table).order_by(notes_table.c.note_id))
        return JSONResponse([{"id": row.note_id, "text": row.text} for row in rows])


async def welcome(_tenant: Tenant, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a new workspace begins with: nothing."""
    return {}


def notes() -> Workload:
    routes = [Route("/notes", add, methods=["POST"]), Route("/notes", every, methods=["GET"])]
    return Workload(name="notes", tables=metadata, app=Router(routes), commands={}, admit=welcome)
