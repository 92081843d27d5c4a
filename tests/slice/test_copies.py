"""A copy that is interrupted goes on where it stopped, while people write; what was changed meanwhile is changed in it too."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cells.runtime.transfer.moving import copying
from cells.runtime.transfer.moving.bookmarks import read_bookmark
from cells.runtime.transfer.moving.carrying import carry
from cells.runtime.transfer.moving.copying import Copying
from cells.runtime.transfer.moving.pacing import Pace
from chassis.identity import WorkspaceId, make_workspace_id
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.slice.test_proofs import SOWN, Moving
from tests.slice.test_transfer import MOVE, Side, a_side, compared, say

pytestmark = pytest.mark.anyio

ROWS = 20_000
AGAIN_SHARE_MAX = 0.15
MEANWHILE = (
    "UPDATE log SET payload = 'changed' WHERE workspace_id = $1 AND seq BETWEEN -99990 AND -99800",
    "DELETE FROM log WHERE workspace_id = $1 AND seq BETWEEN -99700 AND -99650",
    "UPDATE log SET seq = seq - 50000 WHERE workspace_id = $1 AND seq BETWEEN -99500 AND -99480",
    "UPDATE log SET payload = 'changed' WHERE workspace_id = $1 AND seq = -80001",  # not copied yet
    "INSERT INTO due (workspace_id, name, key, due_us) VALUES ($1, 'late', 'row', 1)",
)


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


async def interrupted(target: Side, workspace_id: WorkspaceId, connection: str, rows: int) -> Copying:
    """A copy that ends, as with its process, once it has so many rows."""
    _, copying = await target.moves.copy(MOVE, workspace_id, connection)
    assert copying.task is not None

    async def far_enough() -> bool:
        return copying.rows >= rows

    await eventually(far_enough, 60, every_s=0.001)
    copying.task.cancel()
    await asyncio.wait({copying.task})
    assert rows <= copying.rows < ROWS
    return copying


async def gone_on_with(target: Side, workspace_id: WorkspaceId, connection: str) -> Copying:
    async with asyncio.timeout(60):
        while True:
            done, copying = await target.moves.copy(MOVE, workspace_id, connection)
            if done:
                assert not copying.problem
                return copying
            assert copying.task is not None
            await asyncio.wait({copying.task})


async def test_an_interrupted_copy_goes_on_where_it_stopped(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with a_side(two[0]) as a, a_side(two[1]) as b:
        ours, neighbour = make_workspace_id(), make_workspace_id()
        for workspace_id in (ours, neighbour):
            await a.ownership.admit(workspace_id, "acme", "acme", 1)
        async with a.owner.connected(ours) as line:
            await line.execute(SOWN, ours, ROWS)
        connection, row = await a.moves.publish(MOVE, ours)
        await b.ownership.receive(ours, row.epoch, row.secret, row.name, row.subdomain)
        writing = asyncio.create_task(say(a, ours, 300))
        try:
            copied = 0
            for share in (0.3, 0.9):
                copied += (await interrupted(b, ours, connection, int(share * ROWS))).rows_here
                async with a.owner.connected(ours) as line:
                    for statement in MEANWHILE:
                        await line.execute(statement, ours)
                        await line.execute("DELETE FROM due WHERE workspace_id = $1 AND name = 'late'", ours)
                await say(a, neighbour, 2)
            copied += (await gone_on_with(b, ours, connection)).rows_here
            await writing
            assert copied >= ROWS
            assert copied <= (1 + AGAIN_SHARE_MAX) * (ROWS + 300)
            await a.ownership.mark(ours, f"move:{MOVE}", 0)
            assert await Moving(a, b, ours, connection).proved() == []
            assert (await compared(b, b, neighbour)).rows == 0
        finally:
            await writing
            for side in (b, a):
                await side.moves.drop(MOVE, ours)
        async with b.owner.connected(ours) as line:
            assert await read_bookmark(line, MOVE) is None


async def test_beside_people_a_copy_does_not_rest_in_the_middle_of_a_statement(
    two: tuple[FreshDatabase, FreshDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The taking database works on in such a rest, unseen: portions of 15 ms became some of 70, and half speed was none."""
    under_way, rested, breathe = False, [], Pace.breathe

    async def noted_carry(*arguments: Any, **more: Any) -> int:
        nonlocal under_way
        under_way = True
        try:
            return await carry(*arguments, **more)
        finally:
            under_way = False

    async def noted_breathe(self: Pace) -> None:
        rested.append(under_way)
        await breathe(self)

    monkeypatch.setattr(copying, "carry", noted_carry)
    monkeypatch.setattr(Pace, "breathe", noted_breathe)
    async with a_side(two[0]) as a, a_side(two[1]) as b:
        ours = make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        async with a.owner.connected(ours) as line:
            await line.execute(SOWN, ours, 3_000)
        connection, row = await a.moves.publish(MOVE, ours)
        await b.ownership.receive(ours, row.epoch, row.secret, row.name, row.subdomain)
        _, progress = await b.moves.copy(MOVE, ours, connection, speed=0.5)
        assert progress.task is not None
        await asyncio.wait({progress.task})
        for side in (b, a):
            await side.moves.drop(MOVE, ours)
    assert progress.whole and progress.rows >= 3_000 and progress.bytes > 100_000
    assert len(rested) >= 3 and not any(rested)
