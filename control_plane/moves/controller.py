"""Takes the next step of every unfinished move. All memory is the row, so any replica may take it, and any may die."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

from chassis.clock import Clock
from chassis.errors import WaggleError
from control_plane.moves.attachments import Attachments, NoAttachments
from control_plane.moves.outcomes import Done, Outcome, Switch
from control_plane.moves.pacer import Pacing, Unpaced
from control_plane.moves.steps import RUN, Doors, Work, no_pause
from control_plane.moves.turning import Turn, after, after_failure
from control_plane.registry import DATABASE_AWAY, Cell, Conflict, Move, MoveStep, Registry, TransitionRefused

EVERY_S = 0.5
CELL_S_MAX = 1.0
"""So long a cell's addresses are believed: half of what passes between two of its heartbeats."""
LEASE_S = 3.0
TASKS_MAX = 64
"""Moves in the hands of one replica; what a cell bears is the pacing's business."""
UNFINISHED_MAX = 1_000
RETRY_S = 0.5

MOVES_ENDED = Counter("waggle_moves_ended_total", "Moves that ended, by how.", ["state"])
MOVES_RUNNING = Gauge("waggle_moves_running", "Moves that this control plane works on.")
PAUSE_SECONDS = Histogram(
    "waggle_move_pause_seconds",
    "From the order to freeze to the first write accepted elsewhere.",
    buckets=(0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.3, 0.6, 1, 2, 5),
)
PAUSE_PART_SECONDS = Histogram(
    "waggle_move_pause_part_seconds",
    "Where a pause went: the seal, and from the same moment the comparison; the last files, if any; the decision; the opening.",
    ["part"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.5, 1, 2),
)
STEP_SECONDS = Histogram(
    "waggle_move_step_seconds", "How long a step took.", ["step"], buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
)
log = structlog.get_logger("control_plane.moves")


class LeaseLost(Exception):
    """Another controller has the move."""


@dataclass(frozen=True, slots=True)
class Held:
    """A move as it was read at `read_s`, under a lease of ours taken at `since_s`; its cells as they were asked for since."""

    move: Move
    since_s: float
    read_s: float
    cells: dict[str, Cell] = field(default_factory=dict)


@dataclass
class Controller:
    registry: Registry
    doors: Doors
    clock: Clock
    pause: Callable[[str], Awaitable[None]] = no_pause
    lease_s: float = LEASE_S
    attachments: Attachments = field(default_factory=NoAttachments)
    pacing: Pacing = field(default_factory=Unpaced)
    holder: str = field(default_factory=lambda: secrets.token_hex(8))
    _tasks: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    _connections: dict[str, str] = field(default_factory=dict)
    _cells: dict[str, tuple[float, Cell]] = field(default_factory=dict)
    """As they were read, and when."""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """A move was begun or turned: look now."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    await self._sweep()
                except DATABASE_AWAY as error:
                    log.warning("database_away", error=repr(error))
                try:
                    async with asyncio.timeout(EVERY_S):
                        await self._woken.wait()
                except TimeoutError:
                    continue
                finally:
                    self._woken.clear()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _sweep(self) -> None:
        refused: set[tuple[str, str]] = set()
        for move in await self.registry.moves.unfinished(limit=UNFINISHED_MAX):
            if move.id in self._tasks or (move.step is MoveStep.WINDOW and not _is_over(move)):
                continue
            if move.step is MoveStep.PREPARE and not await self._may_begin(move, refused):
                continue
            task = self._tasks[move.id] = asyncio.create_task(self._work(move.id))
            task.add_done_callback(partial(self._forget, move.id))
        MOVES_RUNNING.set(len(self._tasks))

    async def _may_begin(self, move: Move, refused: set[tuple[str, str]]) -> bool:
        """The oldest of those between the same two cells first; `refused`: those that need not be asked about again in this sweep."""
        if len(self._tasks) >= TASKS_MAX or (move.source, move.target) in refused:
            return False
        if await self.pacing.admit(move):
            return True
        refused.add((move.source, move.target))
        return False

    def _forget(self, move_id: str, _task: "asyncio.Task[None]") -> None:
        self._tasks.pop(move_id, None)

    async def _work(self, move_id: str) -> None:
        """Step after step while the lease is ours."""
        held = await self._take_up(move_id)
        while held is not None:
            if held.move.step is MoveStep.WINDOW and not await self._closes(held.move):
                return
            held = await self._turned(held) or await self._take_up(move_id)

    async def _take_up(self, move_id: str) -> Held | None:
        since_s = self.clock.monotonic_s()
        move = await self._claim(move_id)
        return None if move is None or move.ended else Held(move, since_s, self.clock.monotonic_s())

    async def _turned(self, held: Held) -> Held | None:
        """The move at its next step, which is taken at once: nobody waits for a lease taken anew. None: it is to be taken up again."""
        try:
            return await self._turn(held)
        except (Conflict, LeaseLost):
            return None
        except DATABASE_AWAY as error:
            log.warning("database_away", move=held.move.id, error=repr(error))
            await asyncio.sleep(RETRY_S)
            return None

    async def _closes(self, move: Move) -> bool:
        """A move in its window takes no place among those that run, and no lease; the sweep takes it up when it is over."""
        if _is_over(move):
            return True
        await self.registry.moves.release(move, self.holder)
        return False

    async def _claim(self, move_id: str) -> Move | None:
        try:
            return await self.registry.moves.claim(move_id, self.holder, self.lease_s)
        except DATABASE_AWAY as error:
            log.warning("database_away", move=move_id, error=repr(error))
            return None

    async def _turn(self, held: Held) -> Held | None:
        """One step, under a lease that is renewed while it lasts."""
        move, began_s = held.move, self.clock.monotonic_s()
        await self.pause(f"{move.step}.before")
        try:
            outcome = await self._leased(held)
        except (WaggleError, TransitionRefused) as error:
            await self._fail(move, error)
            return None
        finally:
            STEP_SECONDS.labels(move.step).observe(self.clock.monotonic_s() - began_s)
        await self.pause(f"{move.step}.after")
        try:
            recorded = await self._record(move, after(move, outcome, move.step_age_s + self.clock.monotonic_s() - held.read_s))
        except TransitionRefused as error:
            await self._fail(move, error)
            return None
        read_s = held.read_s if recorded is move else self.clock.monotonic_s()
        self._tell(move, recorded)
        if not isinstance(outcome, Done | Switch):
            await asyncio.sleep(outcome.wait_s)
        return self._goes_on(held, recorded, read_s)

    def _goes_on(self, held: Held, recorded: Move, read_s: float) -> Held | None:
        """Under the same lease while it is young. Before a freeze it is made young: people wait from there to the opening."""
        young = self.clock.monotonic_s() - held.since_s < self.lease_s / 3
        if recorded.ended or not young or recorded.step in (MoveStep.FREEZE, MoveStep.BACK_FREEZE):
            return None
        return Held(recorded, held.since_s, read_s, held.cells)

    async def _leased(self, held: Held) -> Outcome:
        work = asyncio.create_task(self._step(held))
        try:
            while True:
                done, _ = await asyncio.wait({work}, timeout=self.lease_s / 3)
                if done:
                    return work.result()
                if await self._claim(held.move.id) is None:
                    raise LeaseLost
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work})

    async def _step(self, held: Held) -> Outcome:
        move = held.move
        source, target = await self._cell(held, move.source), await self._cell(held, move.target)
        work = Work(move, source, target, self.doors, self.clock, self._connections, self.pause, attachments=self.attachments)
        return await RUN[move.step](replace(work, speed=self.pacing.speed(move), began_s=held.read_s))

    async def _cell(self, held: Held, name: str) -> Cell:
        if name not in held.cells:
            held.cells[name] = await self._read_cell(name)
        return held.cells[name]

    async def _read_cell(self, name: str) -> Cell:
        """To read one counts all its workspaces; moves that run together need not each do that."""
        read_s, cell = self._cells.get(name, (float("-inf"), None))
        now_s = self.clock.monotonic_s()
        if cell is None or now_s - read_s > CELL_S_MAX:
            cell = await self.registry.cells.require(name)
            self._cells[name] = now_s, cell
        return cell

    async def _record(self, move: Move, turn: Turn | None) -> Move:
        if turn is None:
            return move
        if turn.switch is not None:
            return await self.registry.moves.switch(move, turn.step, turn.facts, turn.switch.cell, turn.switch.epoch)
        return await self.registry.moves.record(move, turn.step, turn.facts, state=turn.state, problem=turn.problem)

    async def _fail(self, move: Move, error: WaggleError) -> None:
        """Note why; go the way back where there is one and it is time, else try again, at the cells' addresses as they are then."""
        self._cells.clear()
        turn = after_failure(move, error)
        again = turn.step is move.step
        then = "again" if again else turn.step
        log.warning("move_step_failed", move=move.id, workspace=move.workspace_id, step=move.step, problem=turn.problem, then=then)
        await self._record(move, turn)
        if again:
            await asyncio.sleep(RETRY_S)

    def _tell(self, before: Move, now: Move) -> None:
        if before.step is not now.step or now.ended:
            log.info("move_step", move=now.id, workspace=now.workspace_id, done=before.step, step=now.step, state=now.state)
        if before.step in (MoveStep.OPEN, MoveStep.BACK_OPEN) and now.step is not before.step:
            _observe_pause(now.facts)
        if now.ended:
            self.wake()  # another waits for its place, perhaps
            MOVES_ENDED.labels(now.state).inc()
            for key in [key for key in self._connections if key.startswith(now.id)]:
                del self._connections[key]


def _is_over(move: Move) -> bool:
    """Of a move in its window: whether that is to be closed."""
    return move.step_age_s >= float(move.facts.get("window_s", 0))


def _observe_pause(facts: Mapping[str, Any]) -> None:
    paused_ms = float(facts["back_pause_ms" if facts.get("back") else "pause_ms"])
    parts_ms: Mapping[str, float] = facts["parts_ms"]
    PAUSE_SECONDS.observe(paused_ms / 1000)
    for part, part_ms in parts_ms.items():
        PAUSE_PART_SECONDS.labels(part).observe(part_ms / 1000)
