"""Fleet: what goes through all cells in waves, as the CLI asks for it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from chassis.identity import CellName
from control_plane.fleet import FleetDesk, Orders
from control_plane.fleet.desk import Order
from control_plane.fleet.orders import Outcome
from control_plane.provision.interface import MigrationLimits
from control_plane.registry import Registry, Rollout, RolloutCell, RolloutUnknown
from control_plane.serving.audited import Auditor, Context, answering
from control_plane.serving.fleet_shapes import fleet_cell_shape, ordered_shape, rollout_shape
from control_plane.serving.refusals import InvalidRequest
from protos.admin.v1 import fleet_pb2, fleet_pb2_grpc

VERSION_CHARACTERS_MAX = 128
REFERENCE_CHARACTERS_MAX = 100
WITHOUT_MAX = 1_000
BAKE_S_DEFAULT, BAKE_S_MAX = 60.0, 86_400.0
READY_S_DEFAULT, READY_S_MAX = 40.0, 3_600.0
LOCK_TIMEOUT_S_MAX, STATEMENT_TIMEOUT_S_MAX = 60.0, 3_600.0
CELLS_SHOWN_MAX = 1_000
PROBLEM_CHARACTERS_MAX = 1_000

Turn = Callable[[str], Awaitable[Rollout]]


@dataclass(frozen=True)
class FleetService(fleet_pb2_grpc.FleetServicer):
    registry: Registry
    desk: FleetDesk
    auditor: Auditor
    on_turn: Callable[[], None]
    orders: Orders

    async def Status(self, request: fleet_pb2.FleetStatusRequest, context: Context) -> fleet_pb2.FleetStatus:  # noqa: ARG002
        async with answering(context, "fleet.status"):
            cells = await self.registry.cells.list()
            try:
                latest = await self.registry.rollouts.require()
            except RolloutUnknown:
                return fleet_pb2.FleetStatus(cells=[fleet_cell_shape(cell, None, ()) for cell in cells])
            part = {one.cell: one for one in await self.registry.rollouts.cells(latest.id)}
            return fleet_pb2.FleetStatus(
                cells=[fleet_cell_shape(cell, part.get(cell.name), latest.waves) for cell in cells], latest=self._shape(latest, ())
            )

    async def Migrate(self, request: fleet_pb2.MigrateRequest, context: Context) -> fleet_pb2.Rollout:
        async with self.auditor.action(context, "fleet.migrate", _target(request.selection)) as made:
            usual = MigrationLimits()
            lock_s = request.lock_timeout_s if request.HasField("lock_timeout_s") else usual.lock_timeout_s
            statement_s = request.statement_timeout_s if request.HasField("statement_timeout_s") else usual.statement_timeout_s
            _require_seconds("lock timeout", lock_s, 0.1, LOCK_TIMEOUT_S_MAX)
            _require_seconds("statement timeout", statement_s, 0.1, STATEMENT_TIMEOUT_S_MAX)
            return await self._begun(await self.desk.migrate(_order(request.selection), lock_s, statement_s), made)

    async def RollOut(self, request: fleet_pb2.RollOutRequest, context: Context) -> fleet_pb2.Rollout:
        async with self.auditor.action(context, "fleet.rollout", _target(request.selection)) as made:
            bake_s = request.bake_s if request.HasField("bake_s") else BAKE_S_DEFAULT
            ready_s = request.ready_s if request.HasField("ready_s") else READY_S_DEFAULT
            _require_seconds("bake time", bake_s, 0.0, BAKE_S_MAX)
            _require_seconds("time to be ready", ready_s, 1.0, READY_S_MAX)
            return await self._begun(await self.desk.roll_out(_order(request.selection), bake_s, ready_s), made)

    async def Show(self, request: fleet_pb2.RolloutRef, context: Context) -> fleet_pb2.Rollout:
        async with answering(context, "fleet.show"):
            return await self._shown(await self.registry.rollouts.require(request.rollout[:REFERENCE_CHARACTERS_MAX]))

    async def Pause(self, request: fleet_pb2.RolloutRef, context: Context) -> fleet_pb2.Rollout:
        return await self._turned(request, context, "fleet.pause", self.desk.pause)

    async def Resume(self, request: fleet_pb2.RolloutRef, context: Context) -> fleet_pb2.Rollout:
        return await self._turned(request, context, "fleet.resume", self.desk.resume)

    async def Abort(self, request: fleet_pb2.RolloutRef, context: Context) -> fleet_pb2.Rollout:
        return await self._turned(request, context, "fleet.abort", self.desk.abort)

    async def TakeUp(self, request: fleet_pb2.TakeUpRequest, context: Context) -> fleet_pb2.Orders:
        async with answering(context, "fleet.take_up"):
            name = (await self.auditor.callers.actor(context)).removeprefix("cluster:")
            _require_holder(request.holder)
            rollout, orders = await self.orders.take_up(request.rollout[:REFERENCE_CHARACTERS_MAX], request.holder, name)
            return fleet_pb2.Orders(rollout=await self._shown(rollout), orders=[ordered_shape(order) for order in orders])

    async def Note(self, request: fleet_pb2.NoteRequest, context: Context) -> fleet_pb2.Rollout:
        async with answering(context, "fleet.note"):
            _require_holder(request.holder)
            problem, revision = request.problem[:PROBLEM_CHARACTERS_MAX], request.revision[:VERSION_CHARACTERS_MAX]
            outcome = Outcome(CellName(request.cell), request.version, problem, revision)
            noted = await self.orders.note(request.rollout[:REFERENCE_CHARACTERS_MAX], request.holder, outcome)
            self.on_turn()
            return await self._shown(noted)

    async def _turned(self, request: fleet_pb2.RolloutRef, context: Context, action: str, turn: Turn) -> fleet_pb2.Rollout:
        async with self.auditor.action(context, action, request.rollout[:REFERENCE_CHARACTERS_MAX]) as made:
            return await self._begun(await turn(request.rollout[:REFERENCE_CHARACTERS_MAX]), made)

    async def _begun(self, rollout: Rollout, made: list[str]) -> fleet_pb2.Rollout:
        made.append(rollout.id)
        self.on_turn()
        return await self._shown(rollout)

    async def _shown(self, rollout: Rollout) -> fleet_pb2.Rollout:
        return self._shape(rollout, (await self.registry.rollouts.cells(rollout.id))[:CELLS_SHOWN_MAX])

    def _shape(self, rollout: Rollout, cells: Sequence[RolloutCell]) -> fleet_pb2.Rollout:
        return rollout_shape(rollout, cells, elsewhere=self.orders.elsewhere)


def _order(selection: fleet_pb2.Selection) -> Order:
    if len(selection.without) > WITHOUT_MAX:
        raise InvalidRequest(f"{len(selection.without)} cells to leave out are too many; at most {WITHOUT_MAX}")
    if len(selection.version) > VERSION_CHARACTERS_MAX:
        raise InvalidRequest(f"a version has at most {VERSION_CHARACTERS_MAX} characters")
    without = tuple(name[:REFERENCE_CHARACTERS_MAX] for name in selection.without)
    return Order(selection.version, selection.canary[:REFERENCE_CHARACTERS_MAX], without, selection.applied)


def _require_holder(holder: str) -> None:
    if not 8 <= len(holder) <= REFERENCE_CHARACTERS_MAX:
        raise InvalidRequest(f"a holder has 8 to {REFERENCE_CHARACTERS_MAX} characters")


def _target(selection: fleet_pb2.Selection) -> str:
    return selection.version[:VERSION_CHARACTERS_MAX] or "own version"


def _require_seconds(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InvalidRequest(f"a {what} of {value:g} s is not allowed; {low:g} to {high:g}")
