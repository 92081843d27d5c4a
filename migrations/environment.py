"""Runs alembic in process, over asyncpg, one plane's revisions at a time."""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from migrations.blocking import Blocker, watching
from migrations.isolation import APP_ROLE, secure_app_role

Plane = Literal["cell", "control_plane"]
TURN_S_MAX = 60
"""How long a run waits for another one of the same database."""
ROLE_TRIES_MAX = 20
_ROLE_TAKEN = "tuple concurrently updated"  # PostgreSQL's word where another database of the server changes the role as well
_ADVISORY_LOCK = 0x57414747


@dataclass(frozen=True, slots=True)
class Limits:
    """Of each statement. Whoever wants a table that a migration waits for waits behind it."""

    lock_timeout_s: float = 60.0
    statement_timeout_s: float = 0.0
    """0: none."""


class MigrationFailed(Exception):
    """The database said no, and is as it was before."""

    def __init__(self, why: str, statement: str, blockers: tuple[Blocker, ...]) -> None:
        super().__init__(f"{why} at: {statement}")
        self.why, self.statement, self.blockers = why, statement, blockers


async def migrate(plane: Plane, url: str, app_password: str | None = None, revision: str = "head", limits: Limits | None = None) -> str:
    """Bring a database to `revision` and see to the role `waggle_app`; returns the revision it stands at.

    `url` is the owner's. Two runs at once wait for each other (at most 60 s). All or nothing for the tables: one transaction. A database
    beyond all that this code knows was migrated by a later version, and is left as it is. Raises MigrationFailed.
    """
    engine = create_async_engine(driver_url(url), poolclass=NullPool)
    try:
        await _secure(engine, app_password)
        async with engine.begin() as connection, watching(plain_url(url), await _pid(connection)) as waiting:
            try:
                return await connection.run_sync(_upgrade, plane, revision, limits or Limits())
            except DBAPIError as error:
                raise MigrationFailed(_why(error), " ".join((error.statement or "").split()), waiting.blockers) from error
    finally:
        await engine.dispose()


def revisions_of(plane: Plane) -> tuple[str, ...]:
    """All that this code knows, oldest first."""
    return tuple(one.revision for one in _scripts(plane).walk_revisions())[::-1]


def head_of(plane: Plane) -> str:
    """The newest revision this code knows."""
    return _scripts(plane).get_current_head() or ""


def driver_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"postgresql+asyncpg://{rest}" if scheme in ("postgresql", "postgres") else url


def plain_url(url: str) -> str:
    """As libpq and asyncpg take it."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


async def _secure(engine: AsyncEngine, app_password: str | None) -> None:
    """A role is the whole server's: in a transaction of its own, so that cells that share one wait for nobody's tables."""
    for attempt in range(1, ROLE_TRIES_MAX + 1):
        try:
            async with engine.begin() as connection:
                await connection.run_sync(secure_app_role, app_password)
        except DBAPIError as error:
            if attempt == ROLE_TRIES_MAX or _ROLE_TAKEN not in str(error.orig):
                raise MigrationFailed(_why(error), " ".join((error.statement or "").split()), ()) from error
            await asyncio.sleep(random.uniform(0.02, 0.2))  # noqa: S311 - not a secret
        else:
            return


def _why(error: DBAPIError) -> str:
    """The server's own words, which the driver's wrapper has as its cause."""
    said = getattr(error.orig, "__cause__", None) or error.orig
    return " ".join(str(said).split())


async def _pid(connection: AsyncConnection) -> int:
    return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())


def _upgrade(connection: Connection, plane: Plane, revision: str, limits: Limits) -> str:
    connection.execute(text(f"SET LOCAL lock_timeout = '{TURN_S_MAX}s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    connection.execute(text(f"SET LOCAL lock_timeout = '{limits.lock_timeout_s * 1000:.0f}ms'"))
    connection.execute(text(f"SET LOCAL statement_timeout = '{limits.statement_timeout_s * 1000:.0f}ms'"))
    scripts = _scripts(plane)
    current = MigrationContext.configure(connection).get_current_revision() or ""
    if current and current not in revisions_of(plane):
        return current
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
