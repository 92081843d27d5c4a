"""An explicit-state search over moves: every order in which messages, writes, controllers and faults may meet.

What runs are the production step functions (`control_plane.moves.steps.RUN`) and what makes rows of their outcomes
(`control_plane.moves.turning`). A step under way is known by the answers it has had so far; it is played again from its
beginning to see what it says next, and that is remembered, so a state is a small tuple. Of time nothing is assumed: a lease
may be lost at any moment, a message may come late, a patience may be over.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from cells.runtime.tenancy import TenancyState
from chassis.errors import WaggleError
from chassis.identity import CellName
from control_plane.moves.desk import ORDERS, MoveRefused
from control_plane.moves.steps import RUN, Work
from control_plane.moves.turning import Turn, after, after_failure
from control_plane.registry import Cell as RegisteredCell
from control_plane.registry import CellState, Move, MoveState, MoveStep
from protos.cell.v1 import cell_pb2, transfer_pb2
from tests.harness import move_world
from tests.harness.move_world import EPOCH, MOVE_ID, NAMES, SOURCE, WORKSPACE_ID, Away, Refused, World

SETTLING_TURNS = 12
"""Of the event loop, until a step that was answered has said what it says next."""
PATIENT, IMPATIENT = 0.0, 1e9
BORN = datetime(2026, 1, 1, tzinfo=UTC)


class Said(NamedTuple):
    """A message of a controller to a cell."""

    place: int
    verb: str
    request: bytes

    def read(self) -> Any:
        return _message(f"{self.verb}Request").FromString(self.request)


class Row(NamedTuple):
    """The move in the registry, and whose the workspace is."""

    step: MoveStep
    state: MoveState
    version: int
    facts: tuple[tuple[str, Any], ...]
    owner: int
    epoch: int


class Hand(NamedTuple):
    """A controller with a step under way: the row as it read it, and each answer so far (which message, what came)."""

    row: Row
    age_s: float
    answers: tuple[tuple[int, str, bytes], ...] = ()


class State(NamedTuple):
    world: World
    row: Row
    hands: tuple[Hand | None, Hand | None]
    late: tuple[Said, ...]
    faults_left: int
    writes_left: int
    orders_left: int


@dataclass(frozen=True)
class Bounds:
    faults: int = 2
    writes: int = 2
    orders: int = 1
    states_max: int = 1_000_000
    window_s: int = 60
    """0: without a way back."""


class Broken(AssertionError):
    """An invariant does not hold; the message is the way there."""


@dataclass
class Search:
    bounds: Bounds
    start: State | None = None
    """None: a move that is about to begin."""
    states: dict[State, int] = field(default_factory=dict)
    came_from: list[tuple[int, str]] = field(default_factory=list)
    ends: set[int] = field(default_factory=set)
    edges: list[list[int]] = field(default_factory=list)
    """Without a fault, from each state that was gone on from."""
    whole: bool = True
    """Every state that can be reached was reached."""

    def run(self) -> None:
        """Raises Broken with the shortest way to a state that breaks a promise."""
        play.cache_clear()
        waiting = deque([self._meet(self.start or first(self.bounds), -1, "begin")])
        found = list(self.states)
        while waiting:
            number = waiting.popleft()
            state = found[number]
            for label, following, fault in onward(state):
                known = self.states.get(following)
                if known is None:
                    if len(self.states) >= self.bounds.states_max:
                        self.whole = False
                        continue
                    known = self._meet(following, number, label)
                    found.append(following)
                    waiting.append(known)
                    self._check(state, following, known)
                if not fault:
                    self.edges[number].append(known)

    def stuck(self) -> list[int]:
        """States from which, even if nothing fails any more, no end is reached. Of a search that is whole."""
        before: list[list[int]] = [[] for _ in self.edges]
        for number, onwards in enumerate(self.edges):
            for following in onwards:
                before[following].append(number)
        good, waiting = set(self.ends), deque(self.ends)
        while waiting:
            for number in before[waiting.popleft()]:
                if number not in good:
                    good.add(number)
                    waiting.append(number)
        return [number for number in range(len(self.edges)) if number not in good]

    def way_to(self, number: int) -> str:
        steps: list[str] = []
        while number >= 0:
            number, label = self.came_from[number]
            steps.append(label)
        return "\n".join(reversed(steps))

    def _meet(self, state: State, origin: int, label: str) -> int:
        number = self.states[state] = len(self.states)
        self.came_from.append((origin, label))
        self.edges.append([])
        if over(state) and not any(map(untidy, state.world.cells)):
            self.ends.add(number)
        return number

    def _check(self, before: State, state: State, number: int) -> None:
        for broken in broken_promises(before, state):
            raise Broken(f"{broken}\n{self.way_to(number)}\n{state}")


ENDED = (MoveState.DONE, MoveState.UNDONE, MoveState.ROLLED_BACK)


def first(bounds: Bounds) -> State:
    row = Row(MoveStep.PREPARE, MoveState.RUNNING, 1, (("window_s", bounds.window_s),), SOURCE, EPOCH)
    return State(move_world.beginning(), row, (None, None), (), bounds.faults, bounds.writes, bounds.orders)


def undone_with_orders_late(bounds: Bounds, *verbs: str) -> State:
    """The move has ended where it began, and these orders of it are on their way to the source still."""
    state = first(bounds)
    drop = Said(SOURCE, "Drop", transfer_pb2.DropRequest().SerializeToString())
    row = state.row._replace(step=MoveStep.UNDO_PURGE, state=MoveState.UNDONE)
    late = tuple(Said(SOURCE, verb, ORDERED_LATE[verb].SerializeToString(deterministic=True)) for verb in verbs)
    return state._replace(world=_done(state.world, drop)[0], row=row, late=late)


ORDERED_LATE = {
    "Publish": transfer_pb2.PublishRequest(),
    "Mark": transfer_pb2.MarkRequest(number=3_000),
    "Seal": transfer_pb2.SealRequest(epoch=EPOCH, number=4_000),
}


def broken_promises(before: State, state: State) -> Iterator[str]:
    cells = state.world.cells
    active = [cell for cell in cells if cell.row is not None and cell.row.state is move_world.WRITABLE]
    if len(active) > 1:
        yield "two cells accept writes"
    if state.row.epoch < before.row.epoch or state.world.epoch_written < before.world.epoch_written:
        yield "an epoch fell, or a write was accepted at an old one"
    for was, now in zip(before.world.cells, cells, strict=True):
        if was.row is not None and now.row is not None and now.row.epoch < was.row.epoch:
            yield "a cell's epoch fell"
    everything = tuple(range(1, state.world.written + 1))
    for cell in active:
        if cell.data != everything:
            yield f"the owner holds {cell.data} of {everything}"
    if state.row.state in ENDED and before.row.state not in ENDED and any(map(move_world.left_in, cells)):
        yield "a move ended and left something behind"
    if over(state):
        yield from broken_at_the_end(state)


def over(state: State) -> bool:
    """The move has ended, and nothing of it is on its way any more."""
    return state.row.state in ENDED and not any(state.hands) and not state.late


def untidy(cell: move_world.Cell) -> bool:
    """Something is here for the reaper."""
    return bool(move_world.left_in(cell)) or (cell.row is not None and cell.row.state is TenancyState.INCOMING)


def broken_at_the_end(state: State) -> Iterator[str]:
    owner = state.world.cells[state.row.owner]
    if owner.row is None or owner.row.state is not move_world.WRITABLE or owner.row.epoch != state.row.epoch:
        yield "the move has ended and its workspace is not open where the registry says"


# what may happen next


def onward(state: State) -> Iterator[tuple[str, State, bool]]:
    """(what happens, then, whether it is a fault)."""
    yield from _clients(state)
    for place in (0, 1):
        if (world := move_world.applied(state.world, place)) is not None:
            yield f"{NAMES[place]} applies", state._replace(world=world), False
    yield from _orders(state)
    for index in (0, 1):
        yield from _controller(state, index)
    if state.row.state in ENDED:
        yield from _reaping(state)
    for said in state.late:
        rest = tuple(other for other in state.late if other is not said)
        yield f"late {said.verb} at {NAMES[said.place]}", state._replace(world=_done(state.world, said)[0], late=rest), False


def _clients(state: State) -> Iterator[tuple[str, State, bool]]:
    for place in (0, 1):
        if state.writes_left and (world := move_world.written(state.world, place)) is not None:
            yield f"write at {NAMES[place]}", state._replace(world=world, writes_left=state.writes_left - 1), False


def _orders(state: State) -> Iterator[tuple[str, State, bool]]:
    """What an administrator may say at any time: by compare-and-set, as the desk does it."""
    if not state.orders_left:
        return
    for name, choose in ORDERS.items():
        move = _move(state.row, PATIENT)
        try:
            step, facts, then = choose(move)
        except MoveRefused:
            continue
        row = state.row._replace(step=step, state=then, version=state.row.version + 1, facts=_frozen(facts))
        yield f"order: {name}", state._replace(row=row, orders_left=state.orders_left - 1), False


def _reaping(state: State) -> Iterator[tuple[str, State, bool]]:
    """As `control_plane.moves.reaper` does it, once the move has ended."""
    drop = transfer_pb2.DropRequest().SerializeToString()
    purge = transfer_pb2.PurgeRequest(forget=True).SerializeToString()
    for place, cell in enumerate(state.world.cells):
        if untidy(cell):
            said = Said(place, "Drop", drop) if move_world.left_in(cell) else Said(place, "Purge", purge)
            yield f"reaper: {said.verb} at {NAMES[place]}", state._replace(world=_done(state.world, said)[0]), False


def _controller(state: State, index: int) -> Iterator[tuple[str, State, bool]]:
    hand = state.hands[index]
    if hand is None:
        yield from _claims(state, index)
        return
    following = play(hand)
    if isinstance(following, Turn):
        yield f"controller {index} records {following.step}", _recorded(state, index, following), False
    elif following is None:
        yield f"controller {index} looks again", _with_hand(state, index, None), False
    else:
        yield from _messages(state, index, hand, following)
    if state.faults_left:
        yield f"controller {index} dies", _failing(_with_hand(state, index, None)), True
        if not isinstance(following, Turn) and following:
            yield f"controller {index} dies, its {following[0].verb} is late", _late(_with_hand(state, index, None), following[0]), True


def _claims(state: State, index: int) -> Iterator[tuple[str, State, bool]]:
    """The second controller works only where the first lost its lease with a step under way, which is a fault."""
    lost = state.hands[1 - index] is not None
    if state.row.state in ENDED or (lost and not state.faults_left) or (index == 1 and not lost):
        return
    for age_s in (PATIENT, IMPATIENT):
        claimed = _with_hand(state, index, Hand(state.row, age_s))
        yield f"controller {index} takes {state.row.step} ({age_s:.0f} s old)", _failing(claimed) if lost else claimed, lost


def _messages(state: State, index: int, hand: Hand, said: tuple[Said, ...]) -> Iterator[tuple[str, State, bool]]:
    for number, one in enumerate(said):
        world, answer, came = _answered(state.world, one)
        if _unseen(one, state.world, came) and _comes(state.world, one.place, said):
            if state.faults_left:
                yield (
                    f"controller {index}: {one.verb} sees nothing in time",
                    _with_answer(_failing(state), index, hand, number, answer, came),
                    True,
                )
            continue
        done = state._replace(world=world)
        yield f"controller {index}: {one.verb} at {NAMES[one.place]}", _with_answer(done, index, hand, number, answer, came), False
        if state.faults_left:
            away = ("away", b"")
            yield f"controller {index}: {one.verb}, answer lost", _with_answer(_failing(done), index, hand, number, *away), True
            yield f"controller {index}: {one.verb} lost", _with_answer(_failing(state), index, hand, number, *away), True
            yield f"controller {index}: {one.verb} is late", _with_answer(_late(state, one), index, hand, number, *away), True


def _unseen(said: Said, world: World, came: bytes) -> bool:
    if said.verb == "CompareRest":
        return world.cells[said.place].mark < int(said.read().number)
    return said.verb == "AwaitMark" and not transfer_pb2.AwaitMarkReply.FromString(came).seen


def _comes(world: World, place: int, under_way: tuple[Said, ...]) -> bool:
    """Something is on its way there, or about to be: whoever waits need not give up."""
    return move_world.applied(world, place) is not None or any(said.verb == "Seal" for said in under_way)


def _answered(world: World, said: Said) -> tuple[World, str, bytes]:
    done, answer = _done(world, said)
    return done, "refused" if answer is None else "ok", b"" if answer is None else answer.SerializeToString()


def _done(world: World, said: Said) -> tuple[World, Any]:
    try:
        return move_world.said(world, said.place, said.verb, said.read())
    except Refused:
        return world, None


def _recorded(state: State, index: int, turn: Turn) -> State:
    """Compare and set; whoever read an older row goes away empty-handed."""
    hand = state.hands[index]
    assert hand is not None
    state = _with_hand(state, index, None)
    if state.row.version != hand.row.version:
        return state
    row = state.row._replace(step=turn.step, state=turn.state, version=state.row.version + 1, facts=_frozen(turn.facts))
    if turn.switch is not None:
        row = row._replace(owner=NAMES.index(turn.switch.cell), epoch=turn.switch.epoch)
    return state._replace(row=row)


def _with_hand(state: State, index: int, hand: Hand | None) -> State:
    return state._replace(hands=(hand, state.hands[1]) if index == 0 else (state.hands[0], hand))


def _with_answer(state: State, index: int, hand: Hand, number: int, answer: str, came: bytes) -> State:
    return _with_hand(state, index, hand._replace(answers=(*hand.answers, (number, answer, came))))


def _failing(state: State) -> State:
    return state._replace(faults_left=state.faults_left - 1)


def _late(state: State, said: Said) -> State:
    return _failing(state)._replace(late=(*state.late, said))


# a step played


class Waiting(NamedTuple):
    said: Said
    answer: "asyncio.Future[Any]"


class Clock:
    """Stands still: nothing may depend on it."""

    def now_us(self) -> int:
        return 1

    def monotonic_s(self) -> float:
        return 0.0


async def at_once(_rest_s: float) -> None:
    """Of time nothing is assumed."""


@dataclass(frozen=True)
class Doors:
    waiting: list[Waiting] = field(default_factory=list)

    async def ask(self, cell: RegisteredCell, what: Callable[[Any], Awaitable[Any]]) -> Any:
        return await what(Stub(NAMES.index(cell.name), self.waiting))

    ask_transfer = ask


@dataclass(frozen=True)
class Stub:
    place: int
    waiting: list[Waiting]

    def __getattr__(self, verb: str) -> Callable[..., Awaitable[Any]]:
        def say(request: Any, timeout: float) -> Awaitable[Any]:
            answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self.waiting.append(Waiting(Said(self.place, verb, request.SerializeToString(deterministic=True)), answer))
            return answer

        return say


_LOOP = asyncio.Runner()


@cache
def play(hand: Hand) -> "Turn | tuple[Said, ...] | None":
    """What the step comes to after these answers: its turn, what it says and waits for, or None (look again later)."""
    return _LOOP.run(_play(hand))


async def _play(hand: Hand) -> "Turn | tuple[Said, ...] | None":
    move, doors = _move(hand.row, hand.age_s), Doors()
    source, target = (_registered(name) for name in NAMES)
    step = asyncio.ensure_future(RUN[move.step](Work(move, source, target, doors, Clock(), rest=at_once)))
    await _settle()
    for number, answer, came in hand.answers:
        _answer(doors.waiting.pop(number), answer, came)
        await _settle()
    try:
        if step.done():
            return after(move, step.result())
        return tuple(waiting.said for waiting in doors.waiting)
    except WaggleError as error:
        return after_failure(move, error)
    finally:
        step.cancel()
        for waiting in doors.waiting:
            waiting.answer.cancel()
        await _settle()


async def _settle() -> None:
    for _ in range(SETTLING_TURNS):
        await asyncio.sleep(0)


def _answer(waiting: Waiting, answer: str, came: bytes) -> None:
    if answer == "ok":
        waiting.answer.set_result(_message(_reply_of(waiting.said.verb)).FromString(came))
    else:
        waiting.answer.set_exception(Refused("no") if answer == "refused" else Away("no answer"))


def _reply_of(verb: str) -> str:
    return "TenancyReply" if verb in ("Receive", "Unseal", "Take", "Retire") else f"{verb}Reply"


def _message(name: str) -> Any:
    return getattr(transfer_pb2, name, None) or getattr(cell_pb2, name)


def _registered(name: str) -> RegisteredCell:
    return RegisteredCell(CellName(name), "", CellState.ACTIVE, False, 10, 1, 0)


def _move(row: Row, age_s: float) -> Move:
    source, target = (CellName(name) for name in NAMES)
    facts = dict(row.facts)
    return Move(MOVE_ID, WORKSPACE_ID, "acme", source, target, EPOCH, row.step, row.state, row.version, facts, "", BORN, None, age_s, age_s)


def _frozen(facts: Any) -> tuple[tuple[str, Any], ...]:
    """What later steps read; problems and durations tell one state from another for nothing."""
    kept = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items() if name in KEPT}
    return tuple(sorted(kept.items()))


KEPT = frozenset(("window_s", "rows", "seq", "last_ts_us", "sealed_us", "back", "pause_ms"))
