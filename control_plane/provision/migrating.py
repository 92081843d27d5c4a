"""Migrating one database with a build's own code, in a process of its own, so that a version brings the revisions it needs."""

import asyncio
import json
import os
import signal
from dataclasses import dataclass

from control_plane.provision.builds import Build
from control_plane.provision.errors import Blocker, MigrationHalted
from control_plane.provision.interface import MigrationLimits
from control_plane.provision.launch import descent, plain_environment

MIGRATION_S_MAX = 3600.0
LINE_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class CellDatabase:
    """As its owner. Without a password in the URL: others can read command lines."""

    cell: str
    url: str
    owner_password: str
    app_password: str


async def migrate_with(build: Build, database: CellDatabase, limits: MigrationLimits) -> str:
    """The newest revision of `build`, all or nothing; ended with us when we are killed. Raises MigrationHalted."""
    process = await asyncio.create_subprocess_exec(
        *descent(signal.SIGTERM),
        *(str(build.python), "-m", "migrations", "cell", database.url),
        env=_environment(build, database, limits),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(MIGRATION_S_MAX):
            said, complained = await process.communicate()
    except TimeoutError:
        raise MigrationHalted(database.cell, f"it did not end within {MIGRATION_S_MAX:.0f} s", "") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise _halted(database.cell, process.returncode, complained.decode("utf-8", "replace").strip())
    return said.decode().split()[-1]


def _environment(build: Build, database: CellDatabase, limits: MigrationLimits) -> dict[str, str]:
    return {
        **plain_environment(os.environ),
        **build.environment,
        "PGPASSWORD": database.owner_password,
        "WAGGLE_APP_PASSWORD": database.app_password,
        "WAGGLE_MIGRATION_LOCK_TIMEOUT_S": f"{limits.lock_timeout_s:g}",
        "WAGGLE_MIGRATION_STATEMENT_TIMEOUT_S": f"{limits.statement_timeout_s:g}",
    }


def _halted(cell: str, returncode: int, complained: str) -> MigrationHalted:
    ending = f"was killed by signal {-returncode}" if returncode < 0 else f"ended with exit code {returncode} and without a word"
    return halted_by(cell, complained or f"the migration {ending}; nothing of it remains")


def halted_by(cell: str, last_words: str) -> MigrationHalted:
    """What `python -m migrations` said before it ended: its last line, which is JSON where the database refused something."""
    last = last_words.splitlines()[-1]
    try:
        told = json.loads(last)
        return MigrationHalted(cell, told["why"], told["statement"], tuple(Blocker(**one) for one in told["blockers"]))
    except (ValueError, KeyError, TypeError):
        return MigrationHalted(cell, last[:LINE_CHARACTERS_MAX], "")
