"""Composition root of the control plane: registry, view, services, loops; closed in reverse."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health  # type: ignore[attr-defined]  # its stubs end before it

from chassis.clock import SystemClock
from chassis.mail import Mailer, carrier_of
from chassis.process import Lifecycle, serving_health
from chassis.rpc import channel, credential_from_file, listen, server
from control_plane.app.failover import serve_failover
from control_plane.app.fleet import serve_fleet
from control_plane.app.rebalancing import serve_rebalance
from control_plane.app.settings import ControlSettings
from control_plane.moves import Controller, Desk, Drainer, Pacer, PauseFolder, Reaper, WalBudget, no_pause
from control_plane.provision.interface import Provisioner
from control_plane.registry import Registry, open_registry
from control_plane.serving.acknowledgements import Acknowledgements
from control_plane.serving.admin import AdminService
from control_plane.serving.attachment_doors import AttachmentDoors
from control_plane.serving.audited import Auditor
from control_plane.serving.callers import Callers
from control_plane.serving.cell_creation import CellCreation
from control_plane.serving.cell_doors import CellDoors
from control_plane.serving.cell_ending import CellEnding
from control_plane.serving.commands import Commands
from control_plane.serving.directory import DirectoryService
from control_plane.serving.doctor import Doctor
from control_plane.serving.finding import WorkspaceFinder
from control_plane.serving.flags import FlagDesk
from control_plane.serving.follow import Follower
from control_plane.serving.lifecycle import WorkspaceLifecycle
from control_plane.serving.reconcile import Reconciler
from control_plane.serving.registration import RegistrationService
from control_plane.serving.view import DirectoryView
from protos.admin.v1 import admin_pb2_grpc
from protos.directory.v1 import directory_pb2_grpc

STOP_GRACE_S = 2.0


@asynccontextmanager
async def control_plane(settings: ControlSettings, provisioner: Provisioner | None) -> AsyncIterator[int]:
    """Serve; yields the gRPC port. Starts, and answers what it can, with its database away."""
    credential = credential_from_file(settings.token_file)
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(open_registry(settings.database_url, pool_size=settings.database_connections))
        doors = CellDoors(lambda address: channel(address, credential, settings.tls))
        stack.push_async_callback(doors.close)
        view, acknowledgements = DirectoryView(), Acknowledgements()
        lifecycle = WorkspaceLifecycle(registry, doors)
        cell_creation = CellCreation(registry, provisioner)
        callers = Callers(registry, credential)
        grpc_server = server(credential, recognise=callers.recognise)
        pause = no_pause if settings.move_pauses is None else PauseFolder(settings.move_pauses)
        wal_budget_bytes = settings.move_wal_budget_mb * 2**20
        pacer = Pacer(registry, settings.moves_max, wal_budget_bytes, looks=settings.move_pace == "neighbours")
        controller = Controller(registry, doors, SystemClock(), pause, attachments=AttachmentDoors(doors), pacing=pacer)
        desk = Desk(registry, doors)
        drainer = Drainer(registry, desk, controller.wake, pacer.at_once)
        admin = AdminService(
            registry=registry,
            view=view,
            acknowledgements=acknowledgements,
            lifecycle=lifecycle,
            commands=Commands(registry, doors),
            doctor=Doctor(registry, acknowledgements, doors),
            auditor=Auditor(registry, callers),
            cell_creation=cell_creation,
            cell_ending=CellEnding(registry, provisioner, drainer),
            moves=desk,
            flags=FlagDesk(registry, acknowledgements),
            on_move=controller.wake,
            waiting=pacer.waiting,
            public_url=settings.public_url,
            version=version("waggle"),
        )
        mailer = Mailer(carrier_of(settings.mail), settings.mail.sender)
        follower = Follower(view, registry, settings.database_url)
        finder = WorkspaceFinder(registry, mailer, settings.public_url, SystemClock())
        await _register(grpc_server, registry, DirectoryService(view, follower.catch_up, acknowledgements, finder), admin, settings)
        failovers = serve_failover(grpc_server, registry, doors, admin.auditor)
        levelling = serve_rebalance(grpc_server, registry, desk, controller.wake, admin.auditor, settings)
        rollouts = serve_fleet(grpc_server, registry, provisioner, admin.auditor)
        port = listen(grpc_server, str(settings.listen), settings.tls)
        loops = (
            follower.run(),
            acknowledgements.run(registry),
            Reconciler(registry, lifecycle, cell_creation, SystemClock()).run(),
            controller.run(),
            pacer.run(),
            WalBudget(registry, doors, wal_budget_bytes).run(),
            finder.run(),
            Reaper(registry, doors).run(),
            drainer.run(),
            levelling,
            *rollouts,
            failovers,
        )
        async with asyncio.TaskGroup() as running:
            tasks = [running.create_task(loop) for loop in loops]
            await grpc_server.start()
            try:
                yield port
            finally:
                await grpc_server.stop(STOP_GRACE_S)
                for task in tasks:
                    task.cancel()


async def _register(
    grpc_server: grpc.aio.Server, registry: Registry, directory: DirectoryService, admin: AdminService, settings: ControlSettings
) -> None:
    admin_pb2_grpc.add_AdminServicer_to_server(admin, grpc_server)
    directory_pb2_grpc.add_DirectoryServicer_to_server(directory, grpc_server)
    registration = RegistrationService(registry, admin.notices, admin.view, round(settings.load_interval_s * 1000))
    directory_pb2_grpc.add_RegistrationServicer_to_server(registration, grpc_server)
    healthy = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, grpc_server)
    await healthy.set("", health_pb2.HealthCheckResponse.SERVING)


async def serve(settings: ControlSettings, provisioner: Provisioner | None, lifecycle: Lifecycle) -> None:
    """Until told to stop."""
    async with (
        serving_health(lifecycle, settings.health.host, settings.health.port),
        control_plane(settings, provisioner),
    ):
        lifecycle.ready()
        await lifecycle.stopping.wait()
