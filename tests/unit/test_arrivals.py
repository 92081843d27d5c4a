"""Requests that come before their workspace wait for it; all others are refused as before."""

import asyncio
from typing import cast

import pytest

from cells.runtime.tenancy import Arrivals, Database, Tenancy, TenancyState, TenancyTable, arrivals
from chassis.identity import WorkspaceId
from tests.harness.eventually import eventually

pytestmark = pytest.mark.anyio
ACME = WorkspaceId("T0ACME")


def a_table(state: TenancyState, epoch: int) -> TenancyTable:
    table = TenancyTable(cast(Database, None))  # nothing is read from it here
    table.learn(a_row(state, epoch))
    return table


def a_row(state: TenancyState, epoch: int) -> Tenancy:
    return Tenancy(ACME, epoch, state, 0, 0, "cell-1" if state is TenancyState.MOVED else "", b"", "Acme", "acme")


@pytest.mark.parametrize("before", [TenancyState.INCOMING, TenancyState.MOVED])
async def test_work_at_a_newer_epoch_waits_until_the_workspace_is_opened(before: TenancyState) -> None:
    table = a_table(before, 1)
    early = Arrivals(table)
    waiting = [asyncio.create_task(early.wait(ACME, 2)) for _ in range(3)]
    await eventually(lambda: early.waiting == 3)
    table.learn(a_row(TenancyState.INCOMING, 1))  # not yet
    table.learn(a_row(TenancyState.ACTIVE, 2))
    assert await asyncio.gather(*waiting) == [True, True, True]
    assert early.waiting == 0


@pytest.mark.parametrize(
    ("state", "epoch", "asked"),
    [(TenancyState.FROZEN, 1, 1), (TenancyState.MOVED, 2, 1), (TenancyState.INCOMING, 2, 2), (TenancyState.ACTIVE, 1, 2)],
)
async def test_what_no_opening_would_help_is_refused_at_once(state: TenancyState, epoch: int, asked: int) -> None:
    assert not await Arrivals(a_table(state, epoch)).wait(ACME, asked)


async def test_waiting_is_bounded_in_time_and_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    early = Arrivals(a_table(TenancyState.INCOMING, 1))
    monkeypatch.setattr(arrivals, "WAIT_S_MAX", 0.01)
    assert not await early.wait(ACME, 2)
    monkeypatch.setattr(arrivals, "WAITING_MAX", 0)
    assert not await early.wait(ACME, 2)
    assert early.waiting == 0
