"""What each step does. Any may be done again after a crash at any point in it: every verb it says may be said again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from chassis.clock import Clock
from chassis.errors import WaggleError
from control_plane.moves.attachments import WAIT_MS, Attachments, NoAttachments, bring_rest
from control_plane.moves.comparing import AGAIN_S, prove, prove_rest
from control_plane.moves.outcomes import Done, Outcome, StepRefused, Switch, Wait
from control_plane.moves.rules import has_window
from control_plane.registry import Cell, Move, MoveStep
from protos.cell.v1 import cell_pb2, transfer_pb2

if TYPE_CHECKING:
    from protos.cell.v1.cell_pb2_grpc import CellAsyncStub
    from protos.cell.v1.transfer_pb2_grpc import TransferAsyncStub

VERB_S_MAX = 30.0
LOCK_TIMEOUT_MS = 1_000
SEAL_S_MAX = 2.0
COPY_WAIT_MS = 500
"""Of one question after a copy: a small one is over by then, and nobody asked twice."""
LAG_MS_SMALL = 250.0
LAG_MS_FREEZE, LAG_S_MAX = 60.0, 10.0
"""People would wait for a mark that takes longer; a stream that is no quicker after so long is taken as it is."""
MARKS_A_TURN_MAX = 1_000
PURGE_TURN_S = 0.5
PURGE_PAUSE_S = 0.01
WINDOW_POLL_S = 0.5
LOOK_AGAIN_S = 0.05
HELD_FIRST_S = 0.1
"""From an opening on: in this time those who were held are answered, as a rule."""

T = TypeVar("T")
U = TypeVar("U")
CellStub: TypeAlias = "CellAsyncStub"
TransferStub: TypeAlias = "TransferAsyncStub"


class Doors(Protocol):
    """How a cell is asked; failures are WaggleErrors whose code says whether it refused or was away."""

    async def ask(self, cell: Cell, what: Callable[[CellStub], Awaitable[T]]) -> T: ...
    async def ask_transfer(self, cell: Cell, what: Callable[[TransferStub], Awaitable[T]]) -> T: ...


async def no_pause(point: str) -> None:
    """Tests stop a controller at such a point, and kill it there."""


@dataclass(frozen=True)
class Work:
    """One move in the hands of one controller."""

    move: Move
    source: Cell
    target: Cell
    doors: Doors
    clock: Clock
    connections: dict[str, str] = field(default_factory=dict)
    """How the other cell is reached, by move and publisher; never stored."""
    pause: Callable[[str], Awaitable[None]] = no_pause
    attachments: Attachments = field(default_factory=NoAttachments)
    marks: Iterator[int] = field(default_factory=count)
    parts_ms: dict[str, float] = field(default_factory=dict)
    """Where a pause went."""
    began_s: float = 0.0
    """When the move was read, by the monotonic clock: its ages are of then, and it may have waited since."""
    speed: float = 1.0
    """Share of full speed at which rows are copied and deleted now; above 0."""
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep
    """For so many seconds nothing is asked of anybody."""

    def next_mark(self) -> int:
        """Rises from turn to turn whatever clocks say: the row's version counts turns, and a turn has few marks."""
        return self.move.version * MARKS_A_TURN_MAX + next(self.marks)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        began_s = self.clock.monotonic_s()
        yield
        self.parts_ms[part] = round((self.clock.monotonic_s() - began_s) * 1000, 1)

    def step_s(self) -> float:
        """How long the step has been at work, over all its turns."""
        return round(self.move.step_age_s + self.clock.monotonic_s() - self.began_s, 3)

    @property
    def key(self) -> dict[str, str]:
        return {"move_id": self.move.id, "workspace_id": self.move.workspace_id}

    async def say(self, cell: Cell, verb: str, request: Any, timeout_s: float = VERB_S_MAX) -> Any:
        return await self.doors.ask_transfer(cell, lambda stub: getattr(stub, verb)(request, timeout=timeout_s))

    async def publish(self, cell: Cell) -> transfer_pb2.PublishReply:
        reply: transfer_pb2.PublishReply = await self.say(cell, "Publish", transfer_pb2.PublishRequest(**self.key))
        self.connections[f"{self.move.id} {cell.name}"] = reply.connection
        return reply

    async def connection(self, cell: Cell) -> str:
        return self.connections.get(f"{self.move.id} {cell.name}") or (await self.publish(cell)).connection


async def prepare(work: Work) -> Outcome:
    """Notes how long the move had waited for its turn: what it takes is told apart from that."""
    given = await work.publish(work.source)
    if given.tenancy.epoch != work.move.epoch or given.tenancy.state != "active":
        raise StepRefused(f"workspace {work.move.name} is {given.tenancy.state} at epoch {given.tenancy.epoch} in {work.source.name}")
    request = transfer_pb2.ReceiveRequest(
        workspace_id=work.move.workspace_id, epoch=work.move.epoch, secret=given.secret, name=given.name, subdomain=given.subdomain
    )
    await work.say(work.target, "Receive", request)
    return Done({"waited_s": round(work.move.age_s, 3)})


async def copy(work: Work) -> Outcome:
    request = transfer_pb2.CopyRequest(**work.key, connection=await work.connection(work.source), speed=work.speed, wait_ms=COPY_WAIT_MS)
    reply = await work.say(work.target, "Copy", request)
    if reply.done:
        facts = {} if work.move.facts.get("copied") else {"rows": max(reply.rows, work.move.facts.get("rows", 0)), "copy_s": work.step_s()}
        brought = await work.attachments.bring(work.move.workspace_id, work.source, work.target, WAIT_MS)
        return Done({**facts, "copied": True}) if brought else Wait(0.02, {**facts, "copied": True})
    if reply.rows == work.move.facts.get("rows", 0):
        return Wait(0.02, {"copy_problem": reply.problem})
    facts = {"rows": reply.rows, "copy_s": work.step_s(), "copy_problem": reply.problem}
    return Wait(0.02 if reply.rows < 10_000 else 0.2, facts | _from(work, "copy_from", reply.rows))


def _from(work: Work, name: str, rows: int) -> dict[str, Any]:
    """The first rows that were told, and when: a rate is that of what comes after."""
    return {name: [rows, work.step_s()]} if rows and name not in work.move.facts else {}


async def catch_up(work: Work) -> Outcome:
    lag_ms = await _lag_ms(work, work.source, work.target)
    facts = {"lag_ms": round(lag_ms, 1)}
    return Done(facts) if lag_ms <= LAG_MS_SMALL else Wait(0.1, facts)


async def verify(work: Work) -> Outcome:
    """Both cells are compared at one moment, while they are written; from then on the taker knows every row that changes."""
    proof = await prove(work, work.source, work.target)
    facts = {"compared": proof.rows, "verify_s": work.step_s(), "compare_problem": proof.problem}
    facts |= _from(work, "verify_from", proof.rows)
    return Done(facts) if proof.done else Wait(AGAIN_S if proof.problem else 0.0, facts)


async def arm(work: Work) -> Outcome:
    """The way back, before anybody waits for anything; a move that was ordered without a window has none."""
    if has_window(work.move):
        connection = (await work.publish(work.target)).connection
        await work.say(work.source, "Follow", transfer_pb2.FollowRequest(**work.key, connection=connection))
    if not await work.attachments.bring(work.move.workspace_id, work.source, work.target, WAIT_MS):
        return Wait(0.02)
    return Done()


async def freeze(work: Work) -> Outcome:
    return await _freeze(work, work.source, work.target, work.move.epoch)


async def back_freeze(work: Work) -> Outcome:
    return await _freeze(work, work.target, work.source, work.move.epoch + 1)


async def _freeze(work: Work, giver: Cell, taker: Cell, epoch: int) -> Outcome:
    """Seal; wait until the mark is through, so that all before it is; compare what changed; then the decision may be made.

    Nobody is made to wait before all the rest is known to be equal, nor for a stream that is known to lag, nor for files that
    could be brought before.
    """
    proof = await prove(work, giver, taker, wait_ms=0)
    if not proof.done:
        return Wait(AGAIN_S if proof.problem else LOOK_AGAIN_S, {"compare_problem": proof.problem})
    if (lag_ms := await _lag_felt_ms(work, giver, taker)) > LAG_MS_FREEZE:
        return Wait(LOOK_AGAIN_S, {"lag_ms": round(lag_ms, 1), "lagged": work.move.facts.get("lagged", 0) + 1})
    if not await work.attachments.bring(work.move.workspace_id, giver, taker, WAIT_MS):
        return Wait(0.02)
    number, began_us = work.next_mark(), work.clock.now_us()
    sealed, rest = await _together(_seal(work, giver, epoch, number), _prove_rest(work, taker, number))
    if rest.HasField("seq") and rest.seq != sealed.seq:
        raise StepRefused(f"the log ends at {sealed.seq} in {giver.name} and at {rest.seq} in {taker.name}")
    if not rest.attachments or rest.attachments != proof.attachments:
        await _bring_rest(work, giver, taker)
    await work.pause("seen")
    facts = {"sealed_us": began_us, "seq": sealed.seq, "last_ts_us": sealed.last_ts_us}
    return Switch(taker.name, epoch + 1, facts | {"parts_ms": work.parts_ms, "proved_us": work.clock.now_us()})


async def _together(one: Awaitable[T], other: Awaitable[U]) -> tuple[T, U]:
    """Both, or the first failure; then nothing of them goes on."""
    tasks = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _lag_felt_ms(work: Work, giver: Cell, taker: Cell) -> float:
    """A rollback's stream nobody has measured. 0 without a window, where catching up has done it, and where it is no quicker for long."""
    if not has_window(work.move) or work.step_s() >= LAG_S_MAX:
        return 0.0
    return await _lag_ms(work, giver, taker)


async def _seal(work: Work, giver: Cell, epoch: int, number: int) -> transfer_pb2.SealReply:
    request = transfer_pb2.SealRequest(**work.key, epoch=epoch, lock_timeout_ms=LOCK_TIMEOUT_MS, number=number)
    with work.timed("seal"):
        sealed: transfer_pb2.SealReply = await work.say(giver, "Seal", request, SEAL_S_MAX)
    await work.pause("sealed")
    return sealed


async def _prove_rest(work: Work, taker: Cell, number: int) -> transfer_pb2.CompareRestReply:
    """Asked before the seal is answered, since the taker hears of its mark as soon as anybody."""
    with work.timed("compare"):
        return await prove_rest(work, taker, number)


async def _bring_rest(work: Work, giver: Cell, taker: Cell) -> None:
    with work.timed("files"):
        await bring_rest(work.attachments, work.move.workspace_id, giver, taker)


async def open_target(work: Work) -> Outcome:
    return await _open(work, work.source, work.target, work.move.epoch + 1)


async def open_source_again(work: Work) -> Outcome:
    return await _open(work, work.target, work.source, work.move.epoch + 2)


async def _open(work: Work, giver: Cell, taker: Cell, epoch: int) -> Outcome:
    """The giver tells every router that still asks it; neither waits for any router.

    Who was held is answered first: a router has heard of the switch, most likely, and a giver that tells it of each session once more
    would have it read that in front of their answers.
    """
    facts, began_us = work.move.facts, work.clock.now_us()
    take = transfer_pb2.TakeRequest(workspace_id=work.move.workspace_id, epoch=epoch, seq=facts["seq"], last_ts_us=facts["last_ts_us"])
    retire = cell_pb2.RetireRequest(workspace_id=work.move.workspace_id, epoch=epoch, cell=taker.name)
    await work.say(taker, "Take", take)
    opened_us, back = work.clock.now_us(), work.move.step is MoveStep.BACK_OPEN
    arrived = {} if back else {"arrived_s": round(work.move.age_s + work.step_s() - work.move.step_age_s, 3)}
    await work.rest(HELD_FIRST_S)
    await work.doors.ask(giver, lambda stub: stub.Retire(retire, timeout=VERB_S_MAX))
    return Done({"back": back} | arrived | _pause(facts, began_us, opened_us, back=back))


def _pause(facts: Mapping[str, Any], began_us: int, opened_us: int, *, back: bool) -> dict[str, Any]:
    """What people waited for, and where it went. A step that is done again after a crash keeps what it said first."""
    name = "back_pause_ms" if back else "pause_ms"
    if name in facts:
        return {}
    decide_us = began_us - facts.get("proved_us", began_us)
    parts = facts.get("parts_ms", {}) | {"decide": round(decide_us / 1000, 1), "take": round((opened_us - began_us) / 1000, 1)}
    return {name: round((opened_us - facts["sealed_us"]) / 1000, 1), "opened_us": opened_us, "parts_ms": parts}


async def window(work: Work) -> Outcome:
    left_s = float(work.move.facts.get("window_s", 0)) - work.move.step_age_s
    return Done() if left_s <= 0 else Wait(min(left_s, WINDOW_POLL_S))


async def drop(work: Work) -> Outcome:
    """Both ends, and each whatever becomes of the other: a slot whose reader is away for good must not go on keeping WAL."""
    failed: WaggleError | None = None
    for cell in (work.source, work.target):
        try:
            await work.say(cell, "Drop", transfer_pb2.DropRequest(**work.key))
        except WaggleError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return Done()


async def undo(work: Work) -> Outcome:
    """Unsealed once more after the drop: an order to freeze that was late came before it, or is refused by it."""
    await drop(work)
    return await unfreeze(work)


async def purge(work: Work) -> Outcome:
    away = work.target if work.move.facts.get("back") else work.source
    return await _purge(work, away, forget=False)


async def undo_purge(work: Work) -> Outcome:
    return await _purge(work, work.target, forget=True)


async def _purge(work: Work, cell: Cell, *, forget: bool) -> Outcome:
    """An order that came late may have made a stream again; nothing is deleted, and no move ends, while one is there."""
    if await _left(work):
        await drop(work)
    request = transfer_pb2.PurgeRequest(workspace_id=work.move.workspace_id, forget=forget, speed=work.speed)
    until_s = work.clock.monotonic_s() + PURGE_TURN_S
    while work.clock.monotonic_s() < until_s:
        if (await work.say(cell, "Purge", request)).done and await _cleared(work, cell):
            if left := await _left(work):
                raise StepRefused(f"left behind: {', '.join(left)}")
            return Done()
        await asyncio.sleep(PURGE_PAUSE_S)
    return Wait(0.0)


async def _left(work: Work) -> list[str]:
    """What this move made and is still there, in either cell."""
    found: list[str] = []
    for cell in (work.source, work.target):
        left = await work.say(cell, "Leftovers", transfer_pb2.LeftoversRequest())
        found += [f"{name} in {cell.name}" for name in left.names if work.move.id in name]
    return found


async def _cleared(work: Work, cell: Cell) -> bool:
    home = work.target if cell is work.source else work.source
    return await work.attachments.clear(work.move.workspace_id, cell, home)


async def unfreeze(work: Work) -> Outcome:
    return await _unfreeze(work, work.source, work.move.epoch)


async def back_unfreeze(work: Work) -> Outcome:
    return await _unfreeze(work, work.target, work.move.epoch + 1)


async def _unfreeze(work: Work, cell: Cell, epoch: int) -> Outcome:
    await work.say(cell, "Unseal", transfer_pb2.UnsealRequest(**work.key, epoch=epoch, number=work.next_mark()))
    return Done()


async def _lag_ms(work: Work, giver: Cell, taker: Cell) -> float:
    """How long a row takes through the stream; 10 s where it does not get through in that time."""
    began_s, number = work.clock.monotonic_s(), work.next_mark()
    await work.say(giver, "Mark", transfer_pb2.MarkRequest(**work.key, number=number))
    awaited = transfer_pb2.AwaitMarkRequest(**work.key, number=number, timeout_ms=10_000)
    await work.say(taker, "AwaitMark", awaited)
    return (work.clock.monotonic_s() - began_s) * 1000


RUN: Mapping[MoveStep, Callable[[Work], Awaitable[Outcome]]] = {
    MoveStep.PREPARE: prepare,
    MoveStep.COPY: copy,
    MoveStep.CATCH_UP: catch_up,
    MoveStep.VERIFY: verify,
    MoveStep.ARM: arm,
    MoveStep.FREEZE: freeze,
    MoveStep.OPEN: open_target,
    MoveStep.WINDOW: window,
    MoveStep.BACK_FREEZE: back_freeze,
    MoveStep.BACK_OPEN: open_source_again,
    MoveStep.FINISH: drop,
    MoveStep.PURGE: purge,
    MoveStep.UNFREEZE: unfreeze,
    MoveStep.UNDO: undo,
    MoveStep.UNDO_PURGE: undo_purge,
    MoveStep.BACK_UNFREEZE: back_unfreeze,
}
