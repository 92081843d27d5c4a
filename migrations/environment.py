"""Runs alembic in process, over asyncpg, one plane's revisions at a time."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from migrations.isolation import APP_ROLE, secure_app_role

Plane = Literal["cell", "control_plane"]
LOCK_TIMEOUT_S = 60
_ADVISORY_LOCK = 0x57414747


async def migrate(plane: Plane, url: str, app_password: str | None = None, revision: str = "head") -> str:
    """Bring a database to `revision` and see to the role `waggle_app`; returns the revision it stands at.

    `url` is the owner's. Two runs at once wait for each other (at most 60 s). All or nothing: one transaction.
    """
    engine = create_async_engine(driver_url(url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(_upgrade, plane, app_password, revision)
    finally:
        await engine.dispose()


def head_of(plane: Plane) -> str:
    """The newest revision this code knows."""
    return _scripts(plane).get_current_head() or ""


def driver_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"postgresql+asyncpg://{rest}" if scheme in ("postgresql", "postgres") else url


def _upgrade(connection: Connection, plane: Plane, app_password: str | None, revision: str) -> str:
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    secure_app_role(connection, app_password)
    scripts = _scripts(plane)
    with EnvironmentContext(Config(), scripts, fn=_steps(scripts, revision)) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
    connection.execute(text(f"GRANT SELECT ON alembic_version TO {APP_ROLE}"))  # heartbeats say which revision they work on
    return MigrationContext.configure(connection).get_current_revision() or ""


def _steps(scripts: ScriptDirectory, revision: str) -> Callable[[Any, MigrationContext], Iterable[Any]]:
    def steps(current: Any, _context: MigrationContext) -> Iterable[Any]:
        return scripts._upgrade_revs(revision, current)

    return steps


def _scripts(plane: Plane) -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / plane))
