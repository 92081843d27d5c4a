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


def receive(row: Tenancy, epoch: int) -> Tenancy:
    """moved -> incoming, while another cell owns it at `epoch`; where it went stays on record until it is taken."""
    if row.state not in (S.INCOMING, S.MOVED) or row.epoch > epoch:
        raise TransitionRefused(row, "receive", epoch)
    return replace(row, state=S.INCOMING, epoch=epoch)


def unseal(row: Tenancy, epoch: int) -> Tenancy:
    """frozen -> active at the same epoch. A row in any other state is not this move's to change: a suspension stays one."""
    return replace(row, state=S.ACTIVE) if (row.state, row.epoch) == (S.FROZEN, epoch) else row


def take(row: Tenancy, epoch: int, seq: int, last_ts_us: int) -> Tenancy:
    """incoming | moved -> active at the epoch of the switch, which is higher than any this cell has known."""
    if (row.state, row.epoch) == (S.ACTIVE, epoch):
        return row
    if row.state not in (S.INCOMING, S.MOVED) or row.epoch >= epoch or seq < row.seq:
        raise TransitionRefused(row, "take", epoch)
    return replace(row, state=S.ACTIVE, epoch=epoch, moved_to="", seq=seq, last_ts_us=max(last_ts_us, row.last_ts_us))


def _same_epoch(row: Tenancy, verb: str, epoch: int, before: TenancyState, after: TenancyState) -> Tenancy:
    if row.epoch != epoch or row.state not in (before, after):
        raise TransitionRefused(row, verb, epoch)
    return replace(row, state=after)
