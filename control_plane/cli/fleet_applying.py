"""What goes through a fleet on a cluster: the control plane orders and judges, this process applies, with the rights of whoever types.

All that is known of it is in the registry and on the cluster. Killed, it is run again, here or elsewhere, and goes on.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import grpc

from chassis.identity import CellName
from control_plane.cli.asking import Admin, line_of
from control_plane.cli.errors import CliError
from control_plane.cli.fleet_shapes import rollout_line
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import MigrationLimits
from control_plane.provision.kubernetes.driver import KubernetesProvisioner
from control_plane.provision.kubernetes.errors import NoCluster
from protos.admin.v1 import fleet_pb2

POLL_S = 1.0
AGAIN_S = 5.0
AWAY_S_MAX = 600.0
"""The control plane may restart meanwhile; what was ordered is carried on with."""
TAKEN_S_MAX = 15.0
"""One that was killed is believed in for 10 s."""
ENDED = frozenset({"done", "rolled_back", "aborted", "halted"})
AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})

PlaceOf = Callable[[CellName], KubernetesProvisioner]
Say = Callable[[str], None]


@dataclass
class Hand:
    """What is done to one cell."""

    order: fleet_pb2.Ordered
    task: "asyncio.Task[None]"


@dataclass
class Applier:
    """Of one rollout or migration."""

    admin: Admin
    rollout_id: str
    place_of: PlaceOf
    say: Say
    poll_s: float = POLL_S
    again_s: float = AGAIN_S
    holder: str = field(default_factory=lambda: secrets.token_hex(8))
    _hands: dict[str, Hand] = field(default_factory=dict)
    _told: str = ""
    _waited_s: float = 0.0
    """For the control plane, or for whoever applies it."""
    _ours: bool = False

    async def run(self) -> fleet_pb2.Rollout:
        """Until it is through, halted or back, and nothing is in hand any more. Raises CliError."""
        try:
            while True:
                found = await self._take_up()
                if found is not None:
                    self._show(found.rollout)
                    await self._follow(found.orders)
                    if found.rollout.state in ENDED and all(hand.task.done() for hand in self._hands.values()):
                        return found.rollout
                await asyncio.sleep(self.poll_s)
        finally:
            await _stopped(self._hands.values())

    async def _take_up(self) -> fleet_pb2.Orders | None:
        """None: not now, but it may be soon."""
        request = fleet_pb2.TakeUpRequest(rollout=self.rollout_id, holder=self.holder)
        try:
            found = await self.admin(self.admin.fleet.TakeUp, request)
        except grpc.aio.AioRpcError as error:
            why = "the control plane does not answer" if error.code() in AWAY else line_of(error)
            if self._waited_s >= self._patience_s(error.code()):
                raise CliError(f"{why}; waggle fleet apply goes on") from None
            if not self._waited_s:
                self.say(f"{why}; waiting")
            self._waited_s += self.poll_s
            return None
        self._waited_s, self._ours = 0.0, True
        return found

    def _patience_s(self, code: grpc.StatusCode) -> float:
        if code in AWAY:
            return AWAY_S_MAX
        return TAKEN_S_MAX if code is grpc.StatusCode.ABORTED and not self._ours else 0.0

    def _show(self, found: fleet_pb2.Rollout) -> None:
        if (line := rollout_line(found)) != self._told:
            self._told = line
            self.say(line)

    async def _follow(self, orders: Iterable[fleet_pb2.Ordered]) -> None:
        """What is ordered anew takes the place of what was; what is ordered no more is brought to its end."""
        for order in orders:
            held = self._hands.get(order.cell)
            if held is not None and held.order == order:
                continue
            if held is not None:
                await _stopped((held,))
            self._hands[order.cell] = Hand(order, asyncio.create_task(self._carry_out(order)))

    async def _carry_out(self, order: fleet_pb2.Ordered) -> None:
        """A cluster that is away is waited for, as long as the control plane does; the way back is tried until it is gone."""
        while True:
            problem, passes = await self._tried(order)
            waits = passes and not order.tables
            if not waits:
                await self._note(order, problem)
            if not problem or not (waits or order.back):
                return
            self.say(f"{order.cell}: {problem}; tried again in {self.again_s:g} s")
            await asyncio.sleep(self.again_s)

    async def _tried(self, order: fleet_pb2.Ordered) -> tuple[str, bool]:
        """Why it could not be done, and whether that may pass by itself."""
        name = CellName(order.cell)
        place = self.place_of(name)
        try:
            if order.tables:
                await place.migrate(name, order.version, MigrationLimits(order.lock_timeout_s, order.statement_timeout_s))
            else:
                await place.upgrade(name, order.version)
        except ProvisionError as error:
            return str(error), isinstance(error, NoCluster)
        except Exception as error:  # noqa: BLE001 - a driver's own error is this cell's, and the walk must hear of it
            return repr(error), False
        return "", False

    async def _note(self, order: fleet_pb2.Ordered, problem: str) -> None:
        """Until the control plane has heard it. What it does not want to know any more it passes over."""
        about = {"rollout": self.rollout_id, "holder": self.holder}
        request = fleet_pb2.NoteRequest(**about, cell=order.cell, version=order.version, problem=problem)
        while True:
            try:
                await self.admin(self.admin.fleet.Note, request)
            except grpc.aio.AioRpcError as error:
                if error.code() not in AWAY:
                    self.say(f"{order.cell}: {problem or 'done'}, which the control plane does not take: {line_of(error)}")
                    return
                await asyncio.sleep(self.poll_s)
            else:
                return


async def _stopped(hands: Iterable[Hand]) -> None:
    """What was sent to the cluster has arrived there by then."""
    tasks = [hand.task for hand in hands if not hand.task.done()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
