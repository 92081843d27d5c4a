"""What each verb makes of a tenancy row. Pure: facts in, the next row out, or why not.

A verb that finds its effect done already leaves the row as it is, so that it may be said again.
"""

from dataclasses import replace

from cells.runtime.tenancy import Tenancy, TenancyState
from chassis.errors import WaggleError

S = TenancyState


class TransitionRefused(WaggleError):
    code = "transition_refused"

    def __init__(self, row: Tenancy, verb: str, epoch: int) -> None:
        where = f" to {row.moved_to}" if row.state is S.MOVED else ""
        super().__init__(f"workspace {row.workspace_id} is {row.state}{where} at epoch {row.epoch}: cannot {verb} at epoch {epoch}")
        self.row = row


def freeze(row: Tenancy, epoch: int) -> Tenancy:
    """active -> frozen."""
    return _same_epoch(row, "freeze", epoch, S.ACTIVE, S.FROZEN)


def suspend(row: Tenancy, epoch: int) -> Tenancy:
    """active -> suspended."""
    return _same_epoch(row, "suspend", epoch, S.ACTIVE, S.SUSPENDED)


def open_at(row: Tenancy, epoch: int) -> Tenancy:
    """incoming | frozen | suspended -> active; the epoch may rise and never falls."""
    if row.state is S.ACTIVE and row.epoch == epoch:
        return row
    if row.state not in (S.INCOMING, S.FROZEN, S.SUSPENDED) or row.epoch > epoch:
        raise TransitionRefused(row, "open", epoch)
    return replace(row, state=S.ACTIVE, epoch=epoch, moved_to="")


def retire(row: Tenancy, epoch: int, cell: str) -> Tenancy:
    """any state -> moved to `cell` at the new owner's `epoch`, which must be higher than the row's."""
    if (row.state, row.epoch, row.moved_to) == (S.MOVED, epoch, cell):
        return row
    if row.epoch >= epoch or not cell:
        raise TransitionRefused(row, "retire", epoch)
    return replace(row, state=S.MOVED, epoch=epoch, moved_to=cell)


def _same_epoch(row: Tenancy, verb: str, epoch: int, before: TenancyState, after: TenancyState) -> Tenancy:
    if row.epoch != epoch or row.state not in (before, after):
        raise TransitionRefused(row, verb, epoch)
    return replace(row, state=after)
