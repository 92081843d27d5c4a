"""The pace of moves over a real registry and two real cells, and what becomes of a move that keeps too much WAL."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from chassis.clock import SystemClock
from control_plane.moves import Controller, Pacer, WalBudget
from control_plane.provision.processes import free_port
from control_plane.registry import Move, MoveState, MoveStep, Vitals
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.fleet import Fleet, a_fleet, controlled, killed_at
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio

MIB = 2**20


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


def pacer_of(fleet: Fleet, allowed_max: float = 4.0) -> Pacer:
    return Pacer(fleet.registry, allowed_max, judge_s=0, judge_quiet_s=0)


def paced(fleet: Fleet, pacer: Pacer) -> Controller:
    return Controller(fleet.registry, fleet.doors, SystemClock(), lease_s=0.4, pacing=pacer)


async def test_of_moves_that_want_to_begin_as_many_do_as_the_pace_allows_whichever_replica_asks(
    control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]
) -> None:
    async with a_fleet(control_database, two) as fleet:
        wanted = [await fleet.desk.start(await fleet.workspace(f"acme-{n}", posts=2), "cell-b", 0) for n in range(3)]
        replicas = [pacer_of(fleet, allowed_max=1.0) for _ in range(2)]
        admitted = await asyncio.gather(*(replica.admit(move) for move in wanted for replica in replicas))
        assert sum(admitted) == 1
        await replicas[0].sweep()
        told = [replicas[0].waiting(await fleet.registry.moves.require(move.id)) for move in wanted]
        assert sorted(told) == ["", *["1 of 1 moves run on cell-a"] * 2]
        async with controlled(paced(fleet, replicas[0])), controlled(paced(fleet, replicas[1])):
            assert [(await fleet.ended(move.id)).state for move in wanted] == [MoveState.DONE] * 3


async def test_moves_wait_while_their_neighbours_are_slower_than_usual_and_go_on_when_they_are_not(
    control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]
) -> None:
    async with a_fleet(control_database, two) as fleet:
        pacer = pacer_of(fleet)
        await interval(fleet, pacer, p99_ms=20.0, times=3)
        runs = await fleet.desk.start(await fleet.workspace("acme", posts=2), "cell-b", 0)
        assert await pacer.admit(runs)
        waits = await fleet.desk.start(await fleet.workspace("bees", posts=2), "cell-b", 0)
        await interval(fleet, pacer, p99_ms=44.0, times=3)

        assert not await pacer.admit(waits)
        assert pacer.waiting(waits) == "neighbours' p99 44 ms > 25 ms on cell-a"
        copying = replace(await fleet.registry.moves.require(runs.id), step=MoveStep.COPY)
        assert pacer.waiting(copying) == "at 10% of full speed: neighbours' p99 44 ms > 25 ms on cell-a"
        await interval(fleet, pacer, p99_ms=21.0, times=22)
        assert pacer.speed(copying) == 1.0 and pacer.waiting(waits) == "1 of 1 moves run on cell-a"
        async with controlled(paced(fleet, pacer)):
            assert [(await fleet.ended(move.id)).state for move in (runs, waits)] == [MoveState.DONE] * 2


async def interval(fleet: Fleet, pacer: Pacer, p99_ms: float, times: int) -> None:
    for _ in range(times):
        for beat in fleet.beats:
            await fleet.registry.heartbeats.record(replace(beat, vitals=Vitals(2.0, 100, 0, 3.0, p99_ms, True, 0, 0)))
        await pacer.sweep()


async def test_a_move_that_keeps_more_wal_than_its_budget_is_aborted_and_says_how_much(
    control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]
) -> None:
    async with a_fleet(control_database, two) as fleet:
        workspace_id = await fleet.workspace("acme")
        move = await fleet.desk.start(workspace_id, "cell-b", 60)
        await killed_at(fleet, "catch_up.before")
        await WalBudget(fleet.registry, fleet.doors, 2 * MIB).sweep()
        assert (await fleet.registry.moves.require(move.id)).step is MoveStep.CATCH_UP
        await nobody_reads(fleet, move, "cell-b")
        await write_wal(fleet, 3 * MIB)
        await WalBudget(fleet.registry, fleet.doors, 2 * MIB).sweep()
        async with controlled(fleet.controller()):
            ended = await fleet.ended(move.id)
        assert ended.state is MoveState.UNDONE
        why, _, on = ended.problem.partition("cell-")
        assert why == "aborted at catch_up: its slot on "
        assert on.startswith(("a kept ", "b kept "))  # the stream's there, or the proof's here: whichever cell answers first
        assert ended.problem.endswith("MiB of WAL, more than the budget of 2.0 MiB")
        assert await fleet.require_sound(workspace_id, 20) == "cell-a"


async def test_a_window_whose_way_back_keeps_too_much_is_closed_and_leaves_no_slot_though_the_old_cell_is_gone(
    control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]
) -> None:
    async with a_fleet(control_database, two) as fleet:
        workspace_id = await fleet.workspace("acme")
        move = await fleet.desk.start(workspace_id, "cell-b", 600)
        async with controlled(fleet.controller()):
            await eventually(partial(is_in_window, fleet, move))
        await nobody_reads(fleet, move, "cell-a")
        gone = replace(fleet.beats[0], address=f"127.0.0.1:{free_port()}")
        await fleet.registry.heartbeats.record(gone)
        await write_wal(fleet, 3 * MIB)
        await WalBudget(fleet.registry, fleet.doors, 2 * MIB).sweep()

        async with controlled(fleet.controller()):
            await eventually(partial(has_no_slot, fleet, "cell-b"))
            assert (await fleet.registry.moves.require(move.id)).step is MoveStep.FINISH  # its other half is still to be taken away
            await fleet.registry.heartbeats.record(fleet.beats[0])
            ended = await fleet.ended(move.id)
        assert ended.state is MoveState.DONE
        assert ended.problem.startswith("window closed before its time: the way back's slot on cell-b kept ")
        assert await fleet.require_sound(workspace_id, 20) == "cell-b"


async def is_in_window(fleet: Fleet, move: Move) -> bool:
    return (await fleet.registry.moves.require(move.id)).state is MoveState.WINDOW


async def has_no_slot(fleet: Fleet, cell: str) -> bool:
    return not any(name.startswith("slot") for name in await fleet.sides[cell].moves.leftovers())


async def nobody_reads(fleet: Fleet, move: Move, cell: str) -> None:
    """The subscription in `cell` rests; PostgreSQL lets go of its slot a moment later."""
    await execute(fleet.sides[cell].fresh.owner_url, f"ALTER SUBSCRIPTION waggle_{move.id} DISABLE")
    held = "SELECT 1 FROM pg_replication_slots WHERE active AND NOT temporary AND starts_with(slot_name, $1)"
    other = next(side for name, side in fleet.sides.items() if name != cell)

    async def released() -> bool:
        return not await execute(other.fresh.owner_url, f"{held} AND database = current_database()", f"waggle_{move.id}")

    await eventually(released)


async def write_wal(fleet: Fleet, size: int) -> None:
    """In the one server that both databases are on; flushed, since what is kept counts from what is written."""
    url = fleet.sides["cell-a"].fresh.owner_url
    for _ in range(size // MIB):
        await execute(url, "SELECT pg_logical_emit_message(false, 'filler', repeat('x', $1::int), true)", MIB)
