"""Noting what was done, in the transaction that did it."""

from cells.chat.domain.audits.repository import Audit, Audits
from cells.runtime.log import Transaction

KEPT_US = 400 * 86_400 * 1_000_000
SYSTEM = "system"
"""Who acts from the command line of the platform."""


async def note(tx: Transaction, actor: str, action: str, target: str, *, address: str = "", detail: str = "") -> None:
    """Entries older than 400 days go."""
    now_us, audits = tx.next_ts_us(), Audits(tx.connection, tx.scope)
    await audits.insert(Audit(now_us, actor or SYSTEM, action, target, address, detail))
    await audits.remove_before(now_us - KEPT_US)
