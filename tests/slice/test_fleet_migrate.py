"""Tables of a fleet in waves: a real registry, a real database for each cell, migrations as the platform runs them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from chassis.identity import CellName, make_workspace_id
from control_plane.fleet import Conductor, RolloutRefused
from control_plane.fleet.desk import Order
from control_plane.moves import MoveRefused
from control_plane.provision.builds import Builds
from control_plane.provision.errors import ProvisionError
from control_plane.provision.postgres import Postgres
from control_plane.registry import (
    CellStage,
    Conflict,
    Draft,
    MoveState,
    MoveStep,
    NewRollout,
    Rollout,
    RolloutCell,
    RolloutKind,
    RolloutState,
    WorkspaceState,
)
from migrations.environment import head_of
from tests.harness.builds import a_build, with_migration
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.fleet import a_fleet
from tests.harness.rollouts import OWN, DatabaseFleet, a_database_fleet
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio

NEXT, PLANTED = "2", "9000_planted"
HOLDING = "SELECT 'a report that takes all day' FROM messages"
WITHIN_S = 60.0


@pytest.fixture
def four(make_cell_database: Callable[[], FreshDatabase]) -> list[FreshDatabase]:
    return [make_cell_database() for _ in range(4)]


@pytest.fixture
async def fleet(
    control_database: FreshDatabase, postgres_server: Postgres, four: list[FreshDatabase], tmp_path: Path
) -> AsyncIterator[DatabaseFleet]:
    """Four cells at the newest revision, and a build that has one more: it adds a column to `messages`."""
    builds = Builds(tmp_path)
    folder = with_migration(a_build(tmp_path / "next"), "ALTER TABLE messages ADD COLUMN planted integer")
    known = {OWN: builds.require(""), NEXT: builds.add(NEXT, folder)}
    async with a_database_fleet(control_database, postgres_server, four, known) as fleet:
        yield fleet


@asynccontextmanager
async def conducting(conductor: Conductor) -> AsyncIterator[None]:
    task = asyncio.create_task(conductor.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def held(fleet: DatabaseFleet, cell: str) -> AsyncIterator[int]:
    """Somebody's transaction has read `messages` and is not at its end; yields the pid."""
    url = fleet.place.databases[CellName(cell)].owner_url
    connection = await asyncpg.connect(url, server_settings={"application_name": "ann's psql"})
    try:
        await connection.execute("BEGIN")
        await connection.fetch(HOLDING)
        yield connection.get_server_pid()
    finally:
        connection.terminate()


async def came_to(fleet: DatabaseFleet, rollout: Rollout, *states: RolloutState) -> Rollout:
    async def there() -> Rollout | None:
        found = await fleet.registry.rollouts.require(rollout.id)
        return found if found.state in states else None

    found = await eventually(there, WITHIN_S)
    assert found is not None
    return found


async def stages(fleet: DatabaseFleet, rollout: Rollout) -> dict[str, CellStage]:
    return {cell.cell: cell.stage for cell in await fleet.registry.rollouts.cells(rollout.id)}


async def test_a_lock_halts_the_wave_and_names_statement_and_holder_and_it_goes_on_from_there(fleet: DatabaseFleet) -> None:
    async with conducting(fleet.conductor()):
        async with held(fleet, "cell-2") as pid:
            halted = await came_to(fleet, await fleet.desk.migrate(Order(NEXT), 0.5, 10.0), RolloutState.HALTED, RolloutState.DONE)
            assert halted.problem == (
                "cell-2: canceling statement due to lock timeout at: ALTER TABLE messages ADD COLUMN planted integer;"
                f" held by pid {pid} (ann's psql): {HOLDING}"
            )
        assert halted.waves == ("canary", "50 %", "rest") and halted.waves[halted.wave] == "50 %"
        assert await stages(fleet, halted) == {
            "cell-1": CellStage.DONE,
            "cell-2": CellStage.FAILED,
            "cell-3": CellStage.WAITING,
            "cell-4": CellStage.WAITING,
        }
        assert [await fleet.revision(f"cell-{n}") for n in (1, 2, 3, 4)] == [PLANTED, *[head_of("cell")] * 3]
        again = await fleet.desk.migrate(Order(NEXT), 5.0, 10.0)
        assert again.id == halted.id
        assert (await came_to(fleet, again, RolloutState.DONE, RolloutState.HALTED)).problem == ""
    assert [await fleet.revision(f"cell-{n}") for n in (1, 2, 3, 4)] == [PLANTED] * 4
    assert fleet.place.migrated.count(CellName("cell-1")) == 1, "what is done is not done again"


async def test_another_replica_goes_on_where_one_was_killed(fleet: DatabaseFleet) -> None:
    async with held(fleet, "cell-2"):
        async with conducting(fleet.conductor()):
            begun = await fleet.desk.migrate(Order(NEXT), 50.0, 50.0)

            async def in_hand() -> bool:
                return (await stages(fleet, begun))["cell-2"] is CellStage.WORKING

            await eventually(in_hand, WITHIN_S)
        assert (await stages(fleet, begun))["cell-2"] is CellStage.WORKING, "it died with the cell in hand"
    async with conducting(fleet.conductor()):
        await came_to(fleet, begun, RolloutState.DONE)
    assert [await fleet.revision(f"cell-{n}") for n in (1, 2, 3, 4)] == [PLANTED] * 4


async def test_moves_and_migrations_wait_for_one_another(fleet: DatabaseFleet) -> None:
    row = await fleet.registry.workspaces.insert(
        Draft(make_workspace_id(), "acme", "free", "", {}, "o@acme.example"), lambda _: CellName("cell-1")
    )
    workspace = await fleet.registry.workspaces.change_state(row, WorkspaceState.ACTIVE)
    move = await fleet.registry.moves.insert(workspace, "cell-2", {})
    async with conducting(fleet.conductor()):
        begun = await fleet.desk.migrate(Order(NEXT), 5.0, 10.0)

        async def waits() -> bool:
            problems = {cell.cell: cell.problem for cell in await fleet.registry.rollouts.cells(begun.id)}
            return problems[CellName("cell-1")] == "waits for 1 moves of it, running or in their windows (waggle move list)"

        await eventually(waits, WITHIN_S)
        await fleet.registry.moves.record(move, MoveStep.UNDO_PURGE, {}, state=MoveState.UNDONE)
        async with held(fleet, "cell-2"):
            await came_to_work(fleet, begun, "cell-2")
            with pytest.raises(Conflict, match="the tables of cell-2 are being migrated"):
                await fleet.registry.moves.insert(workspace, "cell-2", {})
        await came_to(fleet, begun, RolloutState.DONE)
    assert (await fleet.registry.moves.insert(workspace, "cell-2", {})).state is MoveState.RUNNING


async def came_to_work(fleet: DatabaseFleet, rollout: Rollout, cell: str) -> None:
    async def working() -> bool:
        return (await stages(fleet, rollout))[cell] is CellStage.WORKING

    await eventually(working, WITHIN_S)


async def test_what_cannot_be_is_refused_by_name_and_leaves_nothing(fleet: DatabaseFleet, control_database: FreshDatabase) -> None:
    desk, seconds = fleet.desk, (3.0, 60.0)
    refused = {
        Order("9"): (ProvisionError, "there is no build '9' here; there are 1, 2"),
        Order(NEXT, canary="cell-9"): (RolloutRefused, "no cell cell-9 serves here; there are cell-1, cell-2, cell-3, cell-4"),
        Order(NEXT, canary="cell-1", without=("cell-1",)): (RolloutRefused, "cell-1 cannot both come first and be left out"),
        Order(OWN): (RolloutRefused, "every cell runs 1 already"),
        Order(NEXT): (RolloutRefused, f"the tables of cell-1 are at {head_of('cell')}, this version needs {PLANTED}: waggle fleet migrate"),
    }
    for order, (kind, why) in refused.items():
        with pytest.raises(kind, match=why):
            await desk.roll_out(order, *seconds)
    await execute(control_database.owner_url, "UPDATE cell_processes SET heartbeat_at = to_timestamp(0) WHERE cell = 'cell-3'")
    with pytest.raises(RolloutRefused, match="cell-3 not heard of in the last 10 s; leave out what is broken with --without CELL"):
        await desk.migrate(Order(NEXT), *seconds)
    begun = await desk.migrate(Order(NEXT, without=("cell-3",)), *seconds)
    assert sorted(await stages(fleet, begun)) == ["cell-1", "cell-2", "cell-4"]
    with pytest.raises(Conflict, match="another rollout or migration is not at its end"):
        await desk.migrate(Order(OWN, without=("cell-3",)), *seconds)
    with pytest.raises(RolloutRefused, match="resume is for one that is paused or halted"):
        await desk.resume("")
    assert (await desk.pause("")).state is RolloutState.PAUSED
    assert (await desk.abort(begun.id)).state is RolloutState.ABORTED
    with pytest.raises(RolloutRefused, match="is aborted: there is nothing to abort"):
        await desk.abort("")


async def test_a_way_back_that_does_not_end_keeps_nobody_from_the_next_version(fleet: DatabaseFleet) -> None:
    """Processes of these cells never change: nothing but a person ends it."""
    rollout = await fleet.registry.rollouts.insert(
        NewRollout(RolloutKind.CODE, NEXT, {"waves": ["canary"]}, [RolloutCell(CellName("cell-1"), 0)])
    )
    touched = RolloutCell(CellName("cell-1"), 0, CellStage.WORKING, {"had": "", "had_versions": ["0"]})
    rollout = await fleet.registry.rollouts.record(rollout, [touched])
    back = await fleet.desk.abort(rollout.id)
    assert back.state is RolloutState.ROLLING_BACK
    given_up = await fleet.desk.abort(rollout.id)
    assert given_up.state is RolloutState.ABORTED
    assert given_up.problem == "aborted on demand; given up while it went back, without a sign of cell-1"


async def test_cells_at_different_revisions_exchange_no_workspace(control_database: FreshDatabase, four: list[FreshDatabase]) -> None:
    """A stream stops at a column that the other side lacks."""
    async with a_fleet(control_database, (four[0], four[1])) as two:
        workspace = await two.workspace("acme", posts=0)
        await execute(four[1].owner_url, f"UPDATE alembic_version SET version_num = '{PLANTED}'")
        with pytest.raises(MoveRefused, match=f"cell-a is at schema {head_of('cell')}, cell-b at {PLANTED}"):
            await two.desk.start(workspace, "cell-b", None)
        assert await two.registry.moves.unfinished(limit=1) == ()
