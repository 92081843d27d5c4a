"""Keeps what is wanted running: looks, asks `decide`, acts. All judgement is in decisions.py."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from control_plane.provision import run_records
from control_plane.provision.attempt import Attempt
from control_plane.provision.decisions import Action, End, Fact, GiveUp, Phase, Start, complete, decide
from control_plane.provision.errors import ProvisionError
from control_plane.provision.services import Service

TURN_S = 0.05


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as others are told of it."""

    name: str
    phase: str
    pid: int | None
    starts: int
    why: str


class Supervision:
    """The processes of one platform. `say` gets a sentence whenever something ends or is started again."""

    def __init__(
        self, run: Path, say: Callable[[str], None], *, complete_before: bool = False, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._run = run
        self._say = say
        self._now_s = now_s
        self._services: dict[str, Service] = {}
        self._facts: dict[str, Fact] = {}
        self._pids: dict[str, int] = {}
        self._attempts: dict[str, Attempt] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._complete_before = complete_before
        self._stopping = False
        self.changes = 0
        """Counts what happened, so that others see cheaply whether there is news."""

    def want(self, services: Iterable[Service]) -> None:
        """From now on these and no others."""
        self._services = {service.wish.name: service for service in services}
        self.changes += 1

    @property
    def complete(self) -> bool:
        return bool(self._services) and complete((service.wish for service in self._services.values()), self._facts)

    def missing(self) -> str:
        """What is wanted and not there, with the reasons known; empty when complete."""
        gone = [one for one in self.seen() if one.phase not in (Phase.READY.value, Phase.DONE.value)]
        return ", ".join(f"{one.name} ({one.why or one.phase})" for one in gone)

    def seen(self) -> list[Seen]:
        return [self._seen(name) for name in self._services]

    async def run(self) -> None:
        """Until cancelled, or ProvisionError when something cannot be started at all."""
        while True:
            self._complete_before = self._complete_before or self.complete
            wishes = [service.wish for service in self._services.values()]
            for action in decide(wishes, self._facts, self._now_s(), self._complete_before):
                self._act(action)
            await asyncio.sleep(TURN_S)

    async def end_all(self) -> None:
        """Later stages first; within one, all at once. Bounded by each service's own steps."""
        self._stopping = True
        alive = [attempt for name, attempt in self._attempts.items() if self._facts[name].phase is not Phase.ENDED]
        for stage in sorted({attempt.service.stage for attempt in alive}, reverse=True):
            await asyncio.gather(*(attempt.end() for attempt in alive if attempt.service.stage == stage))

    def _act(self, action: Action) -> None:
        match action:
            case Start(name):
                self._attempts[name] = Attempt(
                    self._services[name], self._facts.get(name), self._now_s, lambda fact, pid: self._on(name, fact, pid)
                )
            case End(name, why):
                if name not in self._ending:
                    self._say(f"ending {name}: {why}")
                    self._ending[name] = asyncio.create_task(self._attempts[name].end())
                    self._ending[name].add_done_callback(lambda _: self._ending.pop(name, None))
            case GiveUp(name, why):
                raise ProvisionError(f"{name} cannot be started: {why}")

    def _on(self, name: str, fact: Fact, pid: int | None) -> None:
        self._facts[name] = fact
        self.changes += 1
        if pid is None:
            self._pids.pop(name, None)
            run_records.forget(self._run, name)
        elif self._pids.get(name) != pid:
            self._pids[name] = pid
            run_records.record(self._run, name, pid)
        if fact.phase is Phase.ENDED and not self._stopping:
            self._say(f"{name} ended: {fact.why}")
        elif fact.phase is Phase.READY and fact.starts > 1:
            self._say(f"{name} is back (start {fact.starts})")

    def _seen(self, name: str) -> Seen:
        fact = self._facts.get(name)
        if fact is None:
            return Seen(name, "waiting", None, 0, "")
        return Seen(name, fact.phase.value, self._pids.get(name), fact.starts, fact.why)
