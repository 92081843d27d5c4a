"""Tells the control plane how busy each workspace is. Nothing here asks the database but the sizing, one workspace every 10 s."""

import asyncio
from collections.abc import Callable, Sequence

import grpc
import structlog

from cells.app.load_book import LoadBook, Standing
from cells.runtime.tenancy import Database, NotExecuted, TenancyState, TenancyTable, TenantScope, estimate_bytes
from chassis.clock import Clock
from chassis.identity import WorkspaceId
from protos.directory.v1 import directory_pb2, directory_pb2_grpc

FIRST_S = 1.0
INTERVAL_S, INTERVAL_S_MIN, INTERVAL_S_MAX = 30.0, 0.1, 600.0
ANSWER_S_MAX = 10.0
PAGES_MAX = 20
"""A round; what is left over is told in the next."""
SIZING_S = 10.0
_log = structlog.get_logger("load")


class LoadReports:
    def __init__(
        self,
        *,
        line: grpc.aio.Channel,
        cell: str,
        process_id: str,
        table: TenancyTable,
        sessions_of: Callable[[WorkspaceId], int],
        tells_seqs: bool,
        clock: Clock,
    ) -> None:
        """`tells_seqs`: for one role of a cell's processes; the others would say the same."""
        self._registration = directory_pb2_grpc.RegistrationStub(line)
        self._cell, self._process_id, self._tells_seqs = cell, process_id, tells_seqs
        self._table, self._sessions_of, self._clock = table, sessions_of, clock
        self._book, self._interval_s, self._heard = LoadBook(), INTERVAL_S, True

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            await self.report()
            await asyncio.sleep(self._interval_s)

    async def report(self) -> None:
        """One round: page after page until there is no news."""
        standings = self._standings()
        for _ in range(PAGES_MAX):
            page = self._book.news(standings, self._clock.monotonic_s(), self._interval_s)
            if not page or not await self._tell(page):
                return
            self._book.heard(page, self._clock.monotonic_s())
        self._book.forget_others(standings)

    def _standings(self) -> dict[WorkspaceId, Standing]:
        rows = [row for row in self._table.all() if row.state is TenancyState.ACTIVE]
        return {row.workspace_id: Standing(row.seq if self._tells_seqs else None, self._sessions_of(row.workspace_id)) for row in rows}

    async def _tell(self, page: Sequence[directory_pb2.WorkspaceLoad]) -> bool:
        request = directory_pb2.ReportLoadsRequest(cell=self._cell, process_id=self._process_id, loads=page)
        try:
            reply = await self._registration.ReportLoads(request, timeout=ANSWER_S_MAX)
        except grpc.aio.AioRpcError as error:
            self._note(heard=False, reason=error.details())
            return False
        self._note(heard=True)
        self._interval_s = min(max(reply.interval_ms / 1000, INTERVAL_S_MIN), INTERVAL_S_MAX)
        return True

    def _note(self, *, heard: bool, reason: str | None = None) -> None:
        if heard != self._heard:
            self._heard = heard
            _log.info("the control plane hears how busy workspaces are" if heard else "nobody hears how busy workspaces are", reason=reason)

    async def keep_sizing(self, database: Database, tables: Sequence[str]) -> None:
        """Until cancelled: whose log grew most is sized next, so those that matter are known first."""
        while True:
            standings = self._standings()
            found = self._book.to_size(standings)
            if found is not None:
                await self._size(found, standings[found], database, tables)
            await asyncio.sleep(SIZING_S)

    async def _size(self, workspace_id: WorkspaceId, now: Standing, database: Database, tables: Sequence[str]) -> None:
        row = self._table.get(workspace_id)
        if row is None or now.seq is None:
            return
        try:
            size = await estimate_bytes(database, TenantScope(workspace_id, row.epoch), tables)
        except NotExecuted as error:
            _log.info("workspace not sized", workspace=workspace_id, reason=str(error))
            return
        self._book.size(workspace_id, now.seq, size)
