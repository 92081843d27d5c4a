"""Which processes a local platform consists of, with the environment each is given."""

from collections.abc import Mapping
from dataclasses import dataclass

from control_plane.provision.decisions import Wish
from control_plane.provision.given_settings import merged
from control_plane.provision.interface import CellSpec
from control_plane.provision.layout import Layout, Ports
from control_plane.provision.postgres import APP_ROLE, DATABASE, Postgres
from control_plane.provision.services import MigrationService, PlaneService, PostgresService, Service, ValkeyService
from control_plane.provision.valkey import Valkey

CONTROL_PLANE = "control-plane"
ROUTER = "router"
EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all processes of a platform have in common. `given`: settings from outside, by variable."""

    layout: Layout
    ports: Ports
    host: str
    domain: str
    given: Mapping[str, str]

    @property
    def public_url(self) -> str:
        host = "127.0.0.1" if self.host in EVERY_ADDRESS else self.host
        scheme = "https" if "WAGGLE_ROUTER_CERTIFICATE" in self.given else "http"
        return f"{scheme}://{host}:{self.ports.get(ROUTER)}"

    @property
    def control_address(self) -> str:
        return self.local(CONTROL_PLANE)

    def local(self, name: str) -> str:
        return f"127.0.0.1:{self.ports.get(name)}"

    def environment(self, plane: str, **more: str) -> dict[str, str]:
        """Raises SettingsError."""
        return merged(self.given, plane, {"WAGGLE_CLUSTER_TOKEN_FILE": str(self.layout.token), **self._spool(), **more})

    def _spool(self) -> dict[str, str]:
        """Without an SMTP server mail lies in the platform's home."""
        outside = {"WAGGLE_MAIL_SMTP_URL", "WAGGLE_MAIL_SPOOL"} & self.given.keys()
        return {} if outside else {"WAGGLE_MAIL_SPOOL": str(self.layout.home / "mail")}


def platform_services(around: Surroundings, cells: tuple[CellSpec, ...]) -> list[Service]:
    """Everything that should run, in no particular order: `needs` tells what waits for what."""
    return [*control_plane_services(around), router_service(around), *(one for cell in cells for one in cell_services(around, cell))]


def control_plane_services(around: Surroundings) -> list[Service]:
    server, *database = _database(around, CONTROL_PLANE, "control_plane")
    env = around.environment(
        "WAGGLE_CONTROL_",
        WAGGLE_CONTROL_LISTEN=around.control_address,
        WAGGLE_CONTROL_HEALTH=around.local(f"{CONTROL_PLANE}-health"),
        WAGGLE_CONTROL_DATABASE_URL=server.server.url(DATABASE, APP_ROLE),
        WAGGLE_CONTROL_HOME=str(around.layout.home),
        WAGGLE_CONTROL_PUBLIC_URL=around.public_url,
        WAGGLE_CONTROL_PROVISIONER="local",
    )
    wish = Wish(CONTROL_PLANE, needs=(server.wish.name, database[0].wish.name), configured=bool(around.given))
    return [server, *database, _plane(around, wish, "control_plane.app", env)]


def router_service(around: Surroundings) -> Service:
    """Needs nobody: it serves from its last good routes when the control plane is away."""
    env = around.environment(
        "WAGGLE_ROUTER_",
        WAGGLE_ROUTER_LISTEN=f"{around.host}:{around.ports.get(ROUTER)}",
        WAGGLE_ROUTER_HEALTH=around.local(f"{ROUTER}-health"),
        WAGGLE_ROUTER_CONTROL_PLANE=around.control_address,
        WAGGLE_ROUTER_HOME=str(around.layout.router),
        WAGGLE_ROUTER_DOMAIN=around.domain,
    )
    return _plane(around, Wish(ROUTER, configured=bool(around.given)), "router.app", env)


def cell_services(around: Surroundings, cell: CellSpec) -> list[Service]:
    """A stack of its own: PostgreSQL, Valkey, tables, and one process in all roles.

    The process is named after its version and has ports of its own: the one before serves until it is ready, and drains then.
    """
    server, tables = _database(around, cell.name, "cell", cell.version)
    name = f"{cell.name}-valkey"
    process = f"{cell.name}@{cell.version}" if cell.version else cell.name
    valkey = Valkey(around.layout.cell(cell.name) / "valkey", around.ports.get(name), log=around.layout.log(name))
    env = around.environment(
        "WAGGLE_CELL_",
        WAGGLE_CELL_NAME=cell.name,
        WAGGLE_CELL_REGION=cell.region,
        WAGGLE_CELL_ROLE="all",
        WAGGLE_CELL_LISTEN=around.local(process),
        WAGGLE_CELL_ADVERTISE=around.local(process),
        WAGGLE_CELL_HEALTH=around.local(f"{process}-health"),
        WAGGLE_CELL_DATABASE_URL=server.server.url(DATABASE, APP_ROLE),
        WAGGLE_CELL_OWNER_DATABASE_URL=server.server.url(DATABASE),
        WAGGLE_CELL_REDIS_URL=valkey.url,
        WAGGLE_CELL_CONTROL_PLANE=around.control_address,
        WAGGLE_CELL_PUBLIC_URL=around.public_url,
        **_files(around, cell.name),
    )
    needs = (server.wish.name, tables.wish.name, name)
    wish = Wish(process, needs=needs, configured=bool(around.given), stands_for=cell.name)
    return [server, ValkeyService(Wish(name), valkey), tables, _plane(around, wish, "cells.app", env, cell.version)]


def _files(around: Surroundings, cell: str) -> dict[str, str]:
    """A folder of the cell's own, unless another store was given for all cells."""
    if "WAGGLE_CELL_FILES_STORE" in around.given:
        return {}
    return {"WAGGLE_CELL_FILES_STORE": (around.layout.cell(cell) / "files").as_uri()}


def _database(around: Surroundings, owner: str, plane: str, version: str = "") -> tuple[PostgresService, MigrationService]:
    name = f"{owner}-postgres"
    home = around.layout.control_plane if plane == "control_plane" else around.layout.cell(owner)
    server = Postgres(home / "postgres", around.ports.get(name), log=around.layout.log(name))
    wish = Wish(f"{owner}-migrations", needs=(name,), once=True)
    return PostgresService(Wish(name), server), MigrationService(wish, around.layout, server, plane, version)


def _plane(around: Surroundings, wish: Wish, module: str, env: Mapping[str, str], version: str = "") -> Service:
    return PlaneService(wish, around.layout, module, env, around.ports.get(f"{wish.name}-health"), version)
