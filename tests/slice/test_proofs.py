"""What decides about a switch: both cells compared at one moment while they are written, then whatever changed in either since."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cells.runtime.transfer.moving import proving
from cells.runtime.transfer.moving.changes import Changes, following
from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.proofs import Proofs
from chassis.identity import WorkspaceId, make_workspace_id
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.workspaces import execute
from tests.slice.test_transfer import MOVE, Side, a_side, copied, say

pytestmark = pytest.mark.anyio

MANY = 12_000
"""More than a part, so that it is compared in several."""
SOWN = (
    "INSERT INTO log (workspace_id, seq, ts_us, kind, audience, payload)"
    " SELECT $1, n - 100000, 1000000 + n, 'sown', ARRAY['C1'], repeat('x', 200) FROM generate_series(1, $2::int) AS n"
)
HARMS = {
    "lost": "DELETE FROM log WHERE workspace_id = $1 AND seq = -99923",
    "changed": "UPDATE log SET payload = 'other' WHERE workspace_id = $1 AND seq = -99923",
    "wrong tenant": "UPDATE log SET workspace_id = 'T0STRANGER' WHERE workspace_id = $1 AND seq = -99923",
    "extra": "INSERT INTO log SELECT workspace_id, -100000, ts_us, kind, audience, payload FROM log"
    " WHERE workspace_id = $1 AND seq = -99923",
}
PUT_UP = (
    "INSERT INTO files (workspace_id, file_id, user_id, name, title, size, mimetype, filetype, mode, state, object_key, etag, alt_txt,"
    " public_secret, scan, preview, media, created_us, expires_us, attempts)"
    " VALUES ($1, 'F1', 'U', '', '', 1, '', '', '', 'ready', 'k', '', '', '', '', '', '{}', 1, 1, 0)"
)


@dataclass(frozen=True)
class Moving:
    """A workspace of many rows that was copied from `a` to `b`, and follows."""

    a: Side
    b: Side
    ours: WorkspaceId
    connection: str

    async def proved(self) -> list[str]:
        """What differs at a moment; none: it is proved."""
        async with asyncio.timeout(60):
            while True:
                proof = await self.b.moves.proofs.look(self.b.owner, MOVE, self.ours, self.connection, 0, 1.0)
                assert not proof.problem
                if proof.holds or proof.compared.differs:
                    return proof.compared.differs

    async def sealed(self, number: int) -> list[str]:
        """What differs once it stands still."""
        sealed = await self.a.ownership.seal(self.ours, 1, 1000, f"waggle_{MOVE}", f"move:{MOVE}", number)
        assert await self.b.moves.await_mark(MOVE, self.ours, number, 10) == (True, sealed.seq)
        return (await self.b.moves.proofs.rest(MOVE, number))[0].differs

    async def reopened(self, number: int) -> None:
        await self.a.ownership.unseal(self.ours, 1, f"waggle_{MOVE}", f"move:{MOVE}", number)

    async def healed(self) -> None:
        """Copied and proved anew."""
        await self.b.moves.drop(MOVE, self.ours)
        await self.a.moves.drop(MOVE, self.ours)
        async with self.a.owner.connected(self.ours) as line:  # as if it were another move
            await line.execute("DELETE FROM cursors WHERE workspace_id = $1", self.ours)
        await copied(self.a, self.b, self.ours)

    async def harmed(self, side: Side, harm: str) -> None:
        async with side.owner.connected(self.ours) as line:
            assert (await line.execute(harm, self.ours)).endswith(" 1"), harm


@asynccontextmanager
async def moving(
    two: tuple[FreshDatabase, FreshDatabase], rows: int, also: Callable[[Side, Side, WorkspaceId], Awaitable[None]] | None = None
) -> AsyncIterator[Moving]:
    async with a_side(two[0]) as a, a_side(two[1]) as b:
        ours = make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        await say(a, ours, 5)
        async with a.owner.connected(ours) as line:
            await line.execute(SOWN, ours, rows)
        if also is not None:
            await also(a, b, ours)
        try:
            await copied(a, b, ours)
            connection, _ = await a.moves.publish(MOVE, ours)
            yield Moving(a, b, ours, connection)
        finally:
            for side in (b, a):
                await side.moves.drop(MOVE, ours)


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


async def test_a_workspace_is_proved_while_it_is_written(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with moving(two, MANY) as it:
        writing = asyncio.create_task(say(it.a, it.ours, 400))
        assert await it.proved() == []
        await writing
        assert await it.proved() == []
        assert await it.sealed(7) == []
        for side in (it.a, it.b):
            left = await execute(side.owner.url, "SELECT name FROM cursors WHERE name NOT LIKE 'move:%'")
            assert left == []


async def test_a_row_that_speaks_of_bytes_is_noticed_between_the_proof_and_the_seal(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with moving(two, 10) as it:
        proofs = it.b.moves.proofs = Proofs(it.b.moves.tables, attached=frozenset(("files",)))
        assert await it.proved() == []
        word = proofs.attachments(await proofs.look(it.b.owner, MOVE, it.ours, it.connection, 0, 1.0))
        for number, changes in ((7, False), (8, True)):
            if changes:
                async with it.a.owner.connected(it.ours) as line:
                    await line.execute(PUT_UP, it.ours)
            assert await it.sealed(number) == []
            assert (proofs.attachments(proofs._proofs[MOVE]) != word) is changes
            await it.reopened(number + 1)


@pytest.mark.parametrize("kind", HARMS)
async def test_what_went_wrong_before_the_moment_is_named(two: tuple[FreshDatabase, FreshDatabase], kind: str) -> None:
    async with moving(two, MANY) as it:
        await it.harmed(it.b, HARMS[kind])
        (differs,) = await it.proved()
        assert differs.startswith("log (1 row: -")
        with pytest.raises(CannotMove):
            await it.sealed(7)


async def test_nothing_holds_while_a_log_has_not_told_what_came_before_the_moment(
    two: tuple[FreshDatabase, FreshDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slot that is kept through a window is read from far back: people would wait for that in the freeze."""
    behind: list[Changes] = []

    @asynccontextmanager
    async def reluctant(*said: Any, **more: Any) -> AsyncIterator[Changes]:
        async with following(*said, **more) as changes:
            if not behind:
                changes.stream._transport.pause_reading()  # type: ignore[union-attr]
            behind.append(changes)
            yield changes

    monkeypatch.setattr(proving, "following", reluctant)
    async with moving(two, MANY) as it:
        proof = await it.b.moves.proofs.look(it.b.owner, MOVE, it.ours, it.connection, 0, 0.0)

        async def whole() -> bool:
            return proof.compared.rows > MANY

        await eventually(whole, 60)
        assert not await proof.look(0.2)
        assert behind[0].stream is not None
        behind[0].stream._transport.resume_reading()
        assert await it.proved() == []


async def test_what_goes_wrong_after_the_moment_is_found_in_the_freeze(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """In the copy, past the stream. What the stream carries meanwhile differs in nothing."""
    async with moving(two, MANY) as it:
        for number, kind in enumerate(HARMS, 2):
            await it.harmed(it.a, f"UPDATE log SET payload = '{kind}' WHERE workspace_id = $1 AND seq = -99958")
            assert await it.proved() == []
            await it.harmed(it.b, HARMS[kind])
            (row, somebody) = await it.sealed(10 * number)
            assert row.startswith("log (1 row: -"), kind
            assert "somebody else" in somebody
            await it.reopened(10 * number + 1)
            await it.healed()


async def test_the_way_back_is_proved_though_its_stream_has_the_name_of_the_other(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """Both databases are of one server here, which shows the streams of both: the one that is at work was taken for the one that waits."""
    async with moving(two, 200) as it:
        back, _ = await it.b.moves.publish(MOVE, it.ours)
        await it.a.moves.follow(MOVE, it.ours, back)
        sealed = await it.a.ownership.seal(it.ours, 1, 1000, f"waggle_{MOVE}", f"move:{MOVE}", 7)
        assert await it.b.moves.await_mark(MOVE, it.ours, 7, 30) == (True, sealed.seq)
        await it.a.ownership.retire(it.ours, 2, "b")
        await it.b.ownership.take(it.ours, 2, sealed.seq, sealed.last_ts_us)
        await say(it.b, it.ours, 5, epoch=2)
        assert await Moving(it.b, it.a, it.ours, back).proved() == []
        await it.b.ownership.seal(it.ours, 2, 1000, f"waggle_{MOVE}", f"move:{MOVE}", 9)
        assert (await it.a.moves.proofs.rest(MOVE, 9))[0].differs == []
