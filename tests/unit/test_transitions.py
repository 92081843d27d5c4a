"""Every verb from every state: what it makes of the row, said once and said twice."""

from dataclasses import replace

import pytest

from cells.runtime.tenancy import Tenancy, TenancyState
from cells.runtime.transfer.transitions import TransitionRefused, freeze, open_at, retire, suspend
from chassis.identity import make_workspace_id

S = TenancyState
EPOCH = 5
ROW = Tenancy(make_workspace_id(), EPOCH, S.ACTIVE, 7, 9, "", b"s" * 32, "acme", "acme")
VERBS = {
    "freeze": lambda row: freeze(row, EPOCH),
    "suspend": lambda row: suspend(row, EPOCH),
    "open": lambda row: open_at(row, EPOCH),
    "open later": lambda row: open_at(row, EPOCH + 1),
    "open earlier": lambda row: open_at(row, EPOCH - 1),
    "freeze stale": lambda row: freeze(row, EPOCH - 1),
    "retire": lambda row: retire(row, EPOCH + 1, "cell-2"),
    "retire at the same epoch": lambda row: retire(row, EPOCH, "cell-2"),
    "retire to nowhere": lambda row: retire(row, EPOCH + 1, ""),
}
ALLOWED = {
    ("freeze", S.ACTIVE): (S.FROZEN, EPOCH),
    ("freeze", S.FROZEN): (S.FROZEN, EPOCH),
    ("suspend", S.ACTIVE): (S.SUSPENDED, EPOCH),
    ("suspend", S.SUSPENDED): (S.SUSPENDED, EPOCH),
    ("open", S.ACTIVE): (S.ACTIVE, EPOCH),
    ("open", S.INCOMING): (S.ACTIVE, EPOCH),
    ("open", S.FROZEN): (S.ACTIVE, EPOCH),
    ("open", S.SUSPENDED): (S.ACTIVE, EPOCH),
    ("open later", S.INCOMING): (S.ACTIVE, EPOCH + 1),
    ("open later", S.FROZEN): (S.ACTIVE, EPOCH + 1),
    ("open later", S.SUSPENDED): (S.ACTIVE, EPOCH + 1),
    **{("retire", state): (S.MOVED, EPOCH + 1) for state in S},
}


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("verb", list(VERBS))
def test_from_every_state(verb: str, state: TenancyState) -> None:
    row = replace(ROW, state=state, moved_to="cell-3" if state is S.MOVED else "")
    expected = ALLOWED.get((verb, state))
    if expected is None:
        with pytest.raises(TransitionRefused, match=f"is {state}.* at epoch {EPOCH}"):
            VERBS[verb](row)
        return
    once = VERBS[verb](row)
    assert (once.state, once.epoch) == expected and (once.seq, once.secret) == (row.seq, row.secret)
    assert VERBS[verb](once) == once
