"""A fleet of databases: a real registry, a real PostgreSQL database for each cell, and processes that only say that they live."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chassis.clock import SystemClock
from chassis.identity import CellName, ProcessId
from control_plane.fleet import Conductor, FleetDesk
from control_plane.provision.builds import Build
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec, MigrationLimits
from control_plane.provision.migrating import CellDatabase, migrate_with
from control_plane.provision.postgres import Postgres
from control_plane.registry import Heartbeat, Registry, open_registry
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute

OWN = "1"


@dataclass
class Databases:
    """A place where every cell is a database on one server."""

    server: Postgres
    databases: Mapping[CellName, FreshDatabase]
    builds: Mapping[str, Build]
    versions: dict[CellName, str] = field(default_factory=dict)
    migrated: list[CellName] = field(default_factory=list)

    async def create(self, spec: CellSpec) -> None:
        self.versions[spec.name] = spec.version

    async def retire(self, name: CellName) -> None:
        del self.versions[name]

    async def cells(self) -> tuple[CellSpec, ...]:
        return tuple(CellSpec(name, version=self.versions.get(name, "")) for name in self.databases)

    async def upgrade(self, name: CellName, version: str) -> None:
        self.versions[name] = version

    async def revisions(self, version: str) -> tuple[str, ...]:
        if version not in self.builds:
            raise ProvisionError(f"there is no build {version!r} here; there are {', '.join(self.builds)}")
        return self.builds[version].revisions

    async def migrate(self, name: CellName, version: str, limits: MigrationLimits) -> str:
        self.migrated.append(name)
        url = self.server.url(self.databases[name].name, password=False)
        database = CellDatabase(name, url, self.server.password("waggle"), self.server.password("waggle_app"))
        return await migrate_with(self.builds[version], database, limits)


@dataclass(frozen=True)
class DatabaseFleet:
    registry: Registry
    place: Databases
    desk: FleetDesk

    def conductor(self, place: Databases | None = None) -> Conductor:
        return Conductor(self.registry, place or self.place, SystemClock(), lease_s=0.5, settled_s=0.0)

    async def beat(self, revision: str) -> None:
        """Every cell is heard of, with its tables at `revision`."""
        for name in self.place.databases:
            version = self.place.versions.get(name) or OWN
            load = (version, revision, 0, 0, 0.0, 0)
            await self.registry.heartbeats.record(Heartbeat(name, "local", ProcessId(f"{name}-1"), "127.0.0.1:1", ("all",), *load, False))

    async def revision(self, name: str) -> str:
        rows = await execute(self.place.databases[CellName(name)].owner_url, "SELECT version_num FROM alembic_version")
        return str(rows[0][0])


@asynccontextmanager
async def a_database_fleet(
    control: FreshDatabase, server: Postgres, databases: Sequence[FreshDatabase], builds: Mapping[str, Build]
) -> AsyncIterator[DatabaseFleet]:
    place = Databases(server, {CellName(f"cell-{number}"): one for number, one in enumerate(databases, 1)}, builds)
    async with open_registry(control.app_url) as registry:
        fleet = DatabaseFleet(registry, place, FleetDesk(registry, place, OWN))
        await fleet.beat(builds[OWN].revisions[-1])
        yield fleet
