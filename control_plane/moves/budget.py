"""No move may keep more WAL than its budget: past it the move is aborted, or its window closed, and its slot goes with it.

Takes no input: reads the slots of every cell that a move touches, and acts by compare-and-set, as an administrator would.
`max_slot_wal_keep_size` of the cell's PostgreSQL is the last resort, for when no control plane is there to do this.
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from prometheus_client import Counter

from chassis.errors import WaggleError
from control_plane.moves.desk import Ordered
from control_plane.moves.pacer import WAL_BUDGET_BYTES
from control_plane.moves.rules import TABLE, state_at
from control_plane.moves.steps import Doors
from control_plane.registry import DATABASE_AWAY, Conflict, Move, MoveState, MoveStep, Registry
from protos.cell.v1 import transfer_pb2

EVERY_S = 2.0
ASK_S_MAX = 5.0
MOVES_MAX = 1_000
_MOVE_ID = re.compile(r"mv_[0-9a-f]{12}")

OVER_BUDGET = Counter(
    "waggle_moves_over_wal_budget_total", "Moves aborted (undo) or windows closed (finish) for the WAL their slot kept.", ["turn"]
)
log = structlog.get_logger("control_plane.moves")


@dataclass(frozen=True)
class WalBudget:
    registry: Registry
    doors: Doors
    budget_bytes: int = WAL_BUDGET_BYTES

    async def run(self) -> None:
        """Until cancelled. Replicas may all do it: a move is turned once."""
        while True:
            try:
                await self.sweep()
            except DATABASE_AWAY as error:
                log.warning("database_away", error=repr(error))
            await asyncio.sleep(EVERY_S)

    async def sweep(self) -> None:
        moves = {move.id: move for move in await self.registry.moves.unfinished(limit=MOVES_MAX)}
        cells = sorted({cell for move in moves.values() for cell in (move.source, move.target)})
        await asyncio.gather(*(self._look(cell, moves) for cell in cells))

    async def _look(self, name: str, moves: dict[str, Move]) -> None:
        """A cell that is away is looked at the next time: its slots cannot grow while its PostgreSQL is down."""
        try:
            cell = await self.registry.cells.require(name)
            reply = await self.doors.ask_transfer(cell, lambda stub: stub.Slots(transfer_pb2.SlotsRequest(), timeout=ASK_S_MAX))
        except WaggleError as error:
            log.debug("slots_not_seen", cell=name, error=str(error))
            return
        for move, slot in _owned(reply.slots, moves):
            turn = turned(move, name, slot.wal_bytes, slot.lost, self.budget_bytes)
            if turn is not None:
                await self._turn(move, name, turn, slot.wal_bytes)

    async def _turn(self, move: Move, cell: str, ordered: Ordered, wal_bytes: int) -> None:
        step, facts, state = ordered
        try:
            await self.registry.moves.record(move, step, facts, state=state, problem=str(facts["over_budget"]))
        except Conflict:
            return  # it went on; what it keeps is looked at again
        OVER_BUDGET.labels(step).inc()
        log.error(
            "move_over_wal_budget", move=move.id, workspace=move.workspace_id, cell=cell, wal_bytes=wal_bytes, was=move.step, then=step
        )


def turned(move: Move, cell: str, wal_bytes: int, lost: bool, budget_bytes: int) -> Ordered | None:
    """What is to be stored of a move whose slot in `cell` keeps so much; None: nothing. Pure.

    From the freeze to the opening, and on the way back, nothing is turned: these steps take seconds and end by themselves.
    """
    if not lost and wal_bytes <= budget_bytes:
        return None
    kept = (
        "lost its WAL (max_slot_wal_keep_size)"
        if lost
        else f"kept {_size(wal_bytes)} of WAL, more than the budget of {_size(budget_bytes)}"
    )
    if move.state is MoveState.WINDOW:
        why = f"window closed before its time: the way back's slot on {cell} {kept}"
        return MoveStep.FINISH, {**move.facts, "over_budget": why}, state_at(MoveStep.FINISH)
    undo = TABLE[move.step].undo
    if move.ended or undo is not MoveStep.UNDO:
        return None
    why = f"aborted at {move.step}: its slot on {cell} {kept}"
    return undo, {**move.facts, "failed": why, "over_budget": why}, state_at(undo)


def _owned(slots: Iterable[transfer_pb2.Slot], moves: dict[str, Move]) -> list[tuple[Move, transfer_pb2.Slot]]:
    """Slots of moves that have ended, or of nobody, are the reaper's."""
    found = ((_MOVE_ID.search(slot.name), slot) for slot in slots)
    return [(moves[named[0]], slot) for named, slot in found if named and named[0] in moves]


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
