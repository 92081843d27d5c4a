"""All addresses of a workspace, reported again whenever one of them came or went: simple, and right after any loss."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cells.chat.domain.addresses.planning import DUE
from cells.chat.domain.addresses.repository import Addresses, Standing
from cells.runtime.jobs import drop_due
from cells.runtime.log import Transaction
from cells.runtime.workload import Errand, Tenant
from chassis.addresses import address_hash
from chassis.identity import WorkspaceId


@dataclass(frozen=True, slots=True)
class AddressReport:
    workspace_id: WorkspaceId
    epoch: int
    seq: int
    hashes: bytes
    """16 bytes each."""


Tell = Callable[[AddressReport], Awaitable[None]]
"""Raises what keeps it from being heard; it is told again then."""


@dataclass(frozen=True, slots=True)
class Told:
    """A change: the report holds still, so it is due no more. Otherwise it stays due, and is made again."""

    key: str
    standing: Standing

    async def apply(self, tx: Transaction) -> None:
        if await Addresses(tx.connection, tx.scope).standing() == self.standing:
            await drop_due(tx, DUE, self.key)


def reporting(tell: Tell) -> Errand:
    async def report(tenant: Tenant, key: str) -> None:
        async with tenant.reading() as connection:
            addresses = Addresses(connection, tenant.scope)
            standing, seq, emails = await addresses.standing(), await addresses.head(), await addresses.every()
        hashes = b"".join(address_hash(email) for email in emails)
        await tell(AddressReport(tenant.scope.workspace_id, tenant.scope.epoch, seq, hashes))
        await tenant.commit(Told(key, standing))

    return report
