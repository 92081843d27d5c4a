"""Where moves are ordered: every blocker is named before anything is made, and a running move is turned by compare-and-set."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import WaggleError
from control_plane.moves.estimating import HISTORY_MAX, Prediction, predict
from control_plane.moves.rules import TABLE, has_window, state_at
from control_plane.moves.steps import Doors
from control_plane.registry import Cell, CellState, Conflict, Move, MoveState, MoveStep, Registry, Workspace, WorkspaceState
from protos.cell.v1 import transfer_pb2

SURVEY_S_MAX = 60.0
WINDOW_S_DEFAULT = 300.0
TRIES_MAX = 5


class MoveRefused(WaggleError):
    """Nothing was made; the message names every blocker."""

    code = "move_refused"


@dataclass(frozen=True, slots=True)
class Plan:
    workspace: Workspace
    target: str
    rows: int
    bytes: int
    blockers: tuple[str, ...]
    prediction: Prediction = field(default_factory=Prediction)
    under_way: str = ""
    """Of the blockers: the move that has the workspace."""

    @property
    def duration_s(self) -> float:
        """Until its people live in the other cell."""
        return self.prediction.duration_s(self.rows)

    @property
    def pause_ms(self) -> float:
        return self.prediction.pause_ms


@dataclass(frozen=True, slots=True)
class Desk:
    registry: Registry
    doors: Doors

    async def plan(self, reference: str, target: str) -> Plan:
        """Raises WorkspaceUnknown, CellUnknown; leaves no object behind."""
        workspace = await self.registry.workspaces.require(reference)
        giver, taker = await self.registry.cells.require(workspace.cell), await self.registry.cells.require(target)
        under_way = _under_way(workspace, await self.registry.moves.latest_of(workspace.id))
        blockers = [*filter(None, [under_way]), *_blockers(workspace, taker)]
        if giver.name == taker.name:
            return Plan(workspace, target, 0, 0, tuple(blockers), under_way=under_way)
        (here, wrong), (there, amiss) = await asyncio.gather(self._survey(giver, workspace), self._survey(taker, workspace))
        blockers += [*wrong, *amiss]
        if here and there and here.schema_revision != there.schema_revision:
            blockers.append(f"{giver.name} is at schema {here.schema_revision}, {taker.name} at {there.schema_revision}")
        if there and there.state not in ("", "moved", "incoming"):
            blockers.append(f"{taker.name} already has the workspace, {there.state}")
        rows = here.rows if here else 0
        prediction = predict(await self.registry.moves.list(limit=HISTORY_MAX), rows)
        return Plan(workspace, target, rows, here.bytes if here else 0, tuple(blockers), prediction, under_way)

    async def _survey(self, cell: Cell, workspace: Workspace) -> tuple[transfer_pb2.SurveyReply | None, list[str]]:
        request = transfer_pb2.SurveyRequest(workspace_id=workspace.id)
        try:
            reply = await self.doors.ask_transfer(cell, lambda stub: stub.Survey(request, timeout=SURVEY_S_MAX))
        except WaggleError as error:
            return None, [str(error)]
        return reply, [f"{cell.name}: {blocker}" for blocker in reply.blockers]

    async def start(self, reference: str, target: str, window_s: float | None) -> Move:
        """Raises MoveRefused with all blockers, Conflict where the workspace is being moved already."""
        plan = await self.plan(reference, target)
        if plan.under_way:
            raise Conflict(plan.under_way)
        if plan.blockers:
            raise MoveRefused("; ".join(plan.blockers))
        facts: dict[str, Any] = {"window_s": WINDOW_S_DEFAULT if window_s is None else window_s, "rows_planned": plan.rows}
        facts["predicted"] = plan.prediction.facts
        return await self.registry.moves.insert(plan.workspace, target, facts)

    async def find(self, reference: str) -> Move:
        """By its id, or the latest of a workspace."""
        if reference.startswith("mv_"):
            return await self.registry.moves.require(reference)
        workspace = await self.registry.workspaces.require(reference)
        latest = await self.registry.moves.latest_of(workspace.id)
        if latest is None:
            raise MoveRefused(f"workspace {workspace.subdomain} was never moved")
        return latest

    async def abort(self, reference: str) -> Move:
        """Take back a move that is not decided yet."""
        return await self._order(reference, "abort")

    async def rollback(self, reference: str) -> Move:
        """Within the window: the same dance the other way, with everything that was written since."""
        return await self._order(reference, "rollback")

    async def finish(self, reference: str) -> Move:
        """Close the window now."""
        return await self._order(reference, "finish")

    async def _order(self, reference: str, name: str) -> Move:
        for _ in range(TRIES_MAX):
            move = await self.find(reference)
            step, facts, state = ORDERS[name](move)
            try:
                return await self.registry.moves.record(move, step, facts, state=state)
            except Conflict:
                continue
        raise Conflict(f"move {reference} goes on too fast; try again")


Ordered = tuple[MoveStep, Mapping[str, Any], MoveState]


def _abort(move: Move) -> Ordered:
    undo = TABLE[move.step].undo
    if move.ended or undo is None or move.step.startswith("back_"):
        raise MoveRefused(f"move {move.id} is {move.state} at {move.step}: too late to abort; within its window: waggle move rollback")
    return undo, {**move.facts, "failed": "aborted on demand"}, state_at(undo)


def _rollback(move: Move) -> Ordered:
    if move.state is not MoveState.WINDOW:
        raise MoveRefused(f"move {move.id} is {move.state} at {move.step}: only one in its window can be rolled back")
    if not has_window(move):
        raise MoveRefused(f"move {move.id} was ordered without a window, so nothing was kept to roll it back with")
    return MoveStep.BACK_FREEZE, move.facts, state_at(MoveStep.BACK_FREEZE)


def _finish(move: Move) -> Ordered:
    if move.state is not MoveState.WINDOW:
        raise MoveRefused(f"move {move.id} is {move.state} at {move.step}: only one in its window can be finished")
    return MoveStep.FINISH, move.facts, state_at(MoveStep.FINISH)


ORDERS: Mapping[str, Callable[[Move], Ordered]] = {"abort": _abort, "rollback": _rollback, "finish": _finish}
"""What an administrator may say of a move: each raises MoveRefused, or says what is to be stored. Pure."""


def _under_way(workspace: Workspace, latest: Move | None) -> str:
    """Empty: no move has the workspace."""
    if latest is None or latest.ended:
        return ""
    if latest.state is MoveState.WINDOW:
        return f"workspace {workspace.subdomain} could still be rolled back by {latest.id}; end that: waggle move finish {latest.id}"
    if latest.step.startswith("back_") or latest.facts.get("back"):
        return f"workspace {workspace.subdomain} is being rolled back to {latest.source} by {latest.id}, which is at {latest.step}"
    return f"workspace {workspace.subdomain} is being moved already to {latest.target} by {latest.id}, which is at {latest.step}"


def _blockers(workspace: Workspace, taker: Cell) -> list[str]:
    pin = workspace.pins.get("cell", "")
    found = (
        (workspace.cell == taker.name, f"workspace {workspace.subdomain} lives in {taker.name} already"),
        (workspace.state is not WorkspaceState.ACTIVE, f"workspace {workspace.subdomain} is {workspace.state}"),
        (taker.state is not CellState.ACTIVE, f"{taker.name} is {taker.state}"),
        (not taker.healthy, f"{taker.name} was not heard of lately"),
        (taker.workspaces >= taker.capacity_workspaces, f"{taker.name} is full ({taker.workspaces} workspaces)"),
        (bool(workspace.region) and workspace.region != taker.region, f"{taker.name} is not in region {workspace.region}"),
        (taker.dedicated and pin != taker.name, f"{taker.name} is dedicated"),
    )
    return [line for wrong, line in found if wrong]
