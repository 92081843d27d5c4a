"""The exchanges of chat, by name."""

from collections.abc import AsyncIterator, Mapping
from functools import partial

from cells.chat.domain.errors import SwitchedOff
from cells.chat.exchange.exporting import export_archive
from cells.chat.exchange.importing import import_archive
from cells.chat.files.intake import Intake
from cells.runtime.workload import Exchange, Tenant
from chassis.flags import Flag, Switchboard


def exchanges(intake: Intake, flags: Switchboard) -> Mapping[str, Exchange]:
    """`intake` takes files, and knows where they lie."""
    importing = unless_off(flags, partial(import_archive, intake))
    return {"workspace.import": importing, "workspace.export": partial(export_archive, intake.store)}


def unless_off(flags: Switchboard, exchange: Exchange) -> Exchange:
    """The same, which takes nothing more from the moment at which imports are switched off; what it has stored stays."""

    async def taken(tenant: Tenant, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            _check(flags, tenant)
            yield piece

    async def exchanging(tenant: Tenant, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        _check(flags, tenant)
        async for answer in exchange(tenant, taken(tenant, pieces)):
            yield answer

    return exchanging


def _check(flags: Switchboard, tenant: Tenant) -> None:
    if flags.off(Flag.IMPORT, tenant.scope.workspace_id):
        raise SwitchedOff("imports are switched off here for now; run it again when they are on, and it goes on where it stopped")
