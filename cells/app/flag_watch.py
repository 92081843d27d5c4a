"""Hears what operators switch off, obeys at once, and keeps it in the cell's database for the next start."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import structlog
from prometheus_client import Gauge

from cells.runtime.tenancy.flags import FlagsRefused, KeptFlags
from chassis.background import in_background
from chassis.backoff import Backoff
from chassis.flags import FLAGS_MAX, FlagSet, Switchboard, Word
from protos.directory.v1 import directory_pb2, directory_pb2_grpc

RECONNECT = Backoff(first_s=0.1, limit_s=1.0)
KEEP_TRIES_MAX = 3
VERSION = Gauge("waggle_cell_flags_version", "Version of the flags that this process obeys")
_log = structlog.get_logger("flags")


async def recall(board: Switchboard, kept: KeptFlags) -> None:
    """Obey what was heard last, before the first request. What is not whole is passed over: everything is on then."""
    try:
        found = await kept.read()
    except FlagsRefused as refusal:
        _log.warning("flags_refused", why=str(refusal))
        return
    if found is not None:
        board.take(found)
        VERSION.set(found.version)
        _log.info("flags_recalled", version=found.version, words=len(found.words))


@dataclass
class FlagWatch:
    """`on_taken` is called once a new set is obeyed."""

    line: grpc.aio.Channel
    board: Switchboard
    kept: KeptFlags
    cell: str
    process_id: str
    on_taken: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        async with in_background(self._watch_on()):
            yield

    async def _watch_on(self) -> None:
        """Until cancelled. While the control plane is away, what another process of this cell has heard is read from the database."""
        failures = 0
        while True:
            heard = await self._watch_once()
            failures = 0 if heard else failures + 1
            await self._look()
            await asyncio.sleep(RECONNECT.delay_s(failures))

    async def _watch_once(self) -> bool:
        """Whether anybody was there."""
        heard, stub = False, directory_pb2_grpc.RegistrationStub(self.line)
        held = self.board.held
        request = directory_pb2.FlagsRequest(cell=self.cell, process_id=self.process_id, registry_id=held.registry_id, version=held.version)
        try:
            async for told in stub.Flags(request):
                heard = True
                await self._take(set_of(told))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            _log.debug("flags_lost", why=repr(error))
        return heard

    async def _take(self, told: FlagSet) -> None:
        """Obeyed first: the database may be what is ill."""
        self._obey(told)
        for attempt in range(KEEP_TRIES_MAX):
            try:
                await self.kept.keep(told)
            except Exception as error:  # noqa: BLE001 - whatever the database has, the flags are obeyed
                _log.warning("flags_not_kept", version=told.version, error=repr(error))
                await asyncio.sleep(RECONNECT.delay_s(attempt))
            else:
                return

    async def _look(self) -> None:
        try:
            found = await self.kept.read()
        except Exception as error:  # noqa: BLE001 - looked for again in a second
            _log.debug("flags_not_read", why=repr(error))
            return
        if found is not None and found.registry_id == self.board.held.registry_id and found.version > self.board.held.version:
            self._obey(found)

    def _obey(self, held: FlagSet) -> None:
        self.board.take(held)
        VERSION.set(held.version)
        _log.info("flags_taken", version=held.version, words=len(held.words))
        self.on_taken()


def set_of(told: directory_pb2.FlagSet) -> FlagSet:
    """At most FLAGS_MAX words; names that this version does not know are kept, and nothing asks for them."""
    words = tuple(Word(flag.name, flag.on, flag.cell, flag.workspace_id) for flag in told.flags[:FLAGS_MAX])
    return FlagSet(told.registry_id, told.version, words)
