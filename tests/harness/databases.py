"""Real PostgreSQL and Valkey for tests: one server each per session, a fresh migrated database per test.

async def test_it(cell_database: FreshDatabase) -> None:
    async with a_log(cell_database.app_url) as (database, log): ...
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from control_plane.provision.cluster_settings import ClusterSettings
from control_plane.provision.postgres import APP_ROLE, Postgres
from control_plane.provision.processes import free_port
from control_plane.provision.valkey import Valkey
from tests.harness.scratch import scratch

MIGRATION_TIMEOUT_S = 60.0
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class FreshDatabase:
    """A migrated, empty database. `owner_url` owns the tables, `app_url` is what a process gets."""

    name: str
    owner_url: str
    app_url: str

    @property
    def owner_sqlalchemy_url(self) -> str:
        return _for_sqlalchemy(self.owner_url)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One server for the session; survives kill -9, not a power cut (fsync off)."""
    with scratch("postgres", tmp_path_factory.mktemp("postgres")) as home:
        server = Postgres(home, free_port(), settings=ClusterSettings(durable=False))
        in_own_loop(server.start())
        try:
            yield server
        finally:
            in_own_loop(server.stop())


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"), free_port())
    in_own_loop(server.start())
    yield server
    in_own_loop(server.stop())


@pytest.fixture
def redis_url(valkey_server: Valkey) -> str:
    return valkey_server.url


@pytest.fixture(scope="session")
def cell_template(postgres_server: Postgres) -> str:
    return migrated_template(postgres_server, "cell")


@pytest.fixture(scope="session")
def control_template(postgres_server: Postgres) -> str:
    return migrated_template(postgres_server, "control_plane")


@pytest.fixture
def make_cell_database(postgres_server: Postgres, cell_template: str) -> Iterator[Callable[[], FreshDatabase]]:
    """A maker, for tests that need several cells."""
    made: list[FreshDatabase] = []

    def make() -> FreshDatabase:
        made.append(copy_of(postgres_server, cell_template))
        return made[-1]

    yield make
    for database in made:
        drop(postgres_server, database)


@pytest.fixture
def cell_database(make_cell_database: Callable[[], FreshDatabase]) -> FreshDatabase:
    return make_cell_database()


@pytest.fixture
def control_database(postgres_server: Postgres, control_template: str) -> Iterator[FreshDatabase]:
    database = copy_of(postgres_server, control_template)
    yield database
    drop(postgres_server, database)


@pytest.fixture
def empty_database(postgres_server: Postgres) -> Iterator[FreshDatabase]:
    """A database without tables, for tests of the migrations themselves."""
    database = copy_of(postgres_server, "template0")
    yield database
    drop(postgres_server, database)


def migrated_template(server: Postgres, plane: str) -> str:
    name = f"template_{plane}"
    in_own_loop(_execute(server, f"CREATE DATABASE {name}"))
    migrate(plane, server.url(name), server.password(APP_ROLE))
    return name


def migrate(plane: str, owner_url: str, app_password: str) -> None:
    """Run the migrations as the platform does: in a process of their own."""
    result = subprocess.run(
        [sys.executable, "-m", "migrations", plane, owner_url],
        env={**os.environ, "WAGGLE_APP_PASSWORD": app_password},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=MIGRATION_TIMEOUT_S,
    )
    if result.returncode:
        pytest.fail(f"migrations {plane} ended with {result.returncode}:\n{result.stdout}{result.stderr}")


def copy_of(server: Postgres, template: str) -> FreshDatabase:
    name = f"test_{next(_numbers)}"
    in_own_loop(_execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
    return FreshDatabase(name=name, owner_url=server.url(name), app_url=server.url(name, APP_ROLE))


def drop(server: Postgres, database: FreshDatabase) -> None:
    in_own_loop(_execute(server, f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)"))


def in_own_loop(work: Coroutine[object, object, None]) -> None:
    """For fixtures that outlive any test's loop; leaves the current loop alone."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


async def _execute(server: Postgres, statement: str) -> None:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _for_sqlalchemy(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)
