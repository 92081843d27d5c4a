from cells.runtime.jobs import plan_due
from cells.runtime.log import Transaction

DUE, KEY = "addresses", "all"
AT_ONCE_US = 0


async def plan_report(tx: Transaction) -> None:
    """Somebody came, went or came back: the addresses are reported soon, however long the control plane is away."""
    await plan_due(tx, DUE, KEY, AT_ONCE_US)
