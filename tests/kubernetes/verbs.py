"""The `waggle` command as somebody types it who has a kubeconfig and a home."""

import asyncio
import sys
from dataclasses import dataclass

import pytest

from control_plane.cli.__main__ import run


@dataclass(frozen=True)
class Verbs:
    """Those of one group, such as `cell`."""

    group: str
    capsys: pytest.CaptureFixture[str]

    async def __call__(self, *words: str) -> tuple[int, str, str]:
        """(exit code, stdout, stderr)"""
        self.capsys.readouterr()
        code = await asyncio.to_thread(run, [self.group, *words])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    async def begin(self, *words: str) -> asyncio.subprocess.Process:
        """In a process that can be killed."""
        command, quiet = (sys.executable, "-m", "control_plane.cli", self.group, *words), asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
