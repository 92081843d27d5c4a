"""PostgreSQL's own programs for backups, run to their end."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from control_plane.provision.accounts import database_account
from control_plane.provision.binaries import postgres_bin
from control_plane.provision.errors import ProvisionError
from control_plane.provision.launch import plain_environment

RUN_S_MAX = 6 * 3600.0
WORDS_BYTES_MAX = 2_000


async def run_program(name: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
    """Raises ProvisionError with its last words. It is killed where it takes six hours, or where we are cancelled."""
    program = await asyncio.to_thread(_program, name)
    process = await asyncio.create_subprocess_exec(
        str(program),
        *arguments,
        env={**plain_environment(os.environ), "LC_ALL": "C", **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_S_MAX):
            _, said = await process.communicate()
    except TimeoutError:
        raise ProvisionError(f"{name} did not end within {RUN_S_MAX / 3600:.0f} hours") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        words = " ".join(said[-WORDS_BYTES_MAX:].decode("utf-8", "replace").split())
        raise ProvisionError(f"{name} failed: {words or f'it ended with {process.returncode}'}")


def _program(name: str) -> Path:
    return postgres_bin(database_account()) / name
