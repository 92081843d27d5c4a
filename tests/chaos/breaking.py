"""What is broken, how, and when: a seeded plan over the real processes of a platform."""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

from tests.harness.platform import Platform

GAP_S = (0.5, 5.0)
"""Between two faults; they overlap, for what died takes longer than that to come back."""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    process: str
    pause_s: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.kind} {self.process}"


KINDS: tuple[tuple[int, str, tuple[str, ...], tuple[float, float]], ...] = (
    (4, "kill", ("cell-1", "cell-2"), (0, 0)),
    (3, "stop", ("cell-1", "cell-2"), (0, 0)),
    (4, "pause", ("cell-1", "cell-2"), (0.2, 18.0)),
    (2, "kill", ("router",), (0, 0)),
    (2, "stop", ("router",), (0, 0)),
    (2, "pause", ("router",), (0.2, 18.0)),
    (3, "kill", ("cell-1-valkey", "cell-2-valkey"), (0, 0)),
    (2, "pause", ("cell-1-valkey", "cell-2-valkey"), (0.2, 8.0)),
    (2, "kill", ("cell-1-postgres", "cell-2-postgres"), (0, 0)),
    (2, "pause", ("cell-1-postgres", "cell-2-postgres"), (0.2, 8.0)),
    (1, "kill", ("control-plane", "control-plane-postgres"), (0, 0)),
    (1, "pause", ("control-plane",), (0.2, 8.0)),
)
"""Weight, what is done, to whom, for how long (s). A pause of a cell or router over 15 s has its tunnels cut by keepalive."""


def plan(seed: int) -> Iterator[tuple[float, Fault]]:
    """Without end: seconds to wait, then the fault."""
    chance = random.Random(seed)
    while True:
        _, kind, processes, pause_s = chance.choices(KINDS, weights=[kind[0] for kind in KINDS])[0]
        yield chance.uniform(*GAP_S), Fault(kind, chance.choice(processes), round(chance.uniform(*pause_s), 2))


@dataclass
class Breaker:
    """Carries the plan out. Whatever is paused goes on again when `run` ends, however it ends."""

    platform: Platform
    seed: int
    done: Counter[str] = field(default_factory=Counter)
    _paused: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, seconds: float) -> None:
        until_s = asyncio.get_running_loop().time() + seconds
        try:
            for wait_s, fault in plan(self.seed):
                if asyncio.get_running_loop().time() + wait_s > until_s:
                    return
                await asyncio.sleep(wait_s)
                self._strike(fault)
        finally:
            for task in tuple(self._paused):
                task.cancel()
            await asyncio.gather(*self._paused, return_exceptions=True)

    def _strike(self, fault: Fault) -> None:
        try:
            family = self._family(fault.process)
        except (FileNotFoundError, psutil.NoSuchProcess, ValueError):
            return  # it is down already
        self.done[fault.name] += 1
        if fault.kind == "pause":
            task = asyncio.create_task(_pause(family, fault.pause_s))
            self._paused.add(task)
            task.add_done_callback(self._paused.discard)
        else:
            _signal(family[:1], signal.SIGKILL if fault.kind == "kill" else signal.SIGTERM)

    def _family(self, process: str) -> list[psutil.Process]:
        """The process and, of a server of many processes, those that work for it."""
        parent = psutil.Process(self.platform.pid(process))
        return [parent, *(parent.children(recursive=True) if process.endswith("postgres") else ())]


async def _pause(family: list[psutil.Process], pause_s: float) -> None:
    _signal(family, signal.SIGSTOP)
    try:
        await asyncio.sleep(pause_s)
    finally:
        _signal(family, signal.SIGCONT)


def _signal(family: list[psutil.Process], number: signal.Signals) -> None:
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if process.is_running():
                os.kill(process.pid, number)
