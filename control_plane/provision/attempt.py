"""One life of one process: prepared, started, seen ready, seen to end."""

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import replace

from chassis.process.running import EXIT_SETTINGS
from control_plane.provision.decisions import Fact, Phase, ended, starting
from control_plane.provision.errors import ProvisionError
from control_plane.provision.launch import Launch, launch
from control_plane.provision.processes import end, log_tail
from control_plane.provision.services import PlaneService, Service

STARTING_POLL_S = 0.03
READY_POLL_S = 0.1

Note = Callable[[Fact, int | None], None]


class Attempt:
    """Runs as a task of the supervisor; tells each change of phase to `note`, with the pid while there is one."""

    def __init__(self, service: Service, before: Fact | None, now_s: Callable[[], float], note: Note) -> None:
        self.service = service
        self.fact = starting(before, now_s(), service.wish.stands_for)
        self._now_s = now_s
        self._note = note
        self._process: subprocess.Popen[bytes] | None = None
        self._task = asyncio.create_task(self._live())
        self._note(self.fact, None)

    async def end(self) -> None:
        """Stop the process by its own steps, bounded, and wait until that is noted."""
        if self._process is None:
            self._task.cancel()
        else:
            await end(self._process, *self.service.stopping)
        await asyncio.wait([self._task])

    async def _live(self) -> None:
        try:
            what = await self.service.prepare()
            written = what.log.stat().st_size if what.log.exists() else 0
            self._process = launch(what)
        except asyncio.CancelledError:
            self._change(ended(self.fact, self._now_s(), "stopped before it started"))
            raise
        except (ProvisionError, OSError) as error:
            self._change(ended(self.fact, self._now_s(), str(error)))
            return
        except Exception as error:  # noqa: BLE001 - a driver's own error; one process fails, the others go on
            self._change(ended(self.fact, self._now_s(), repr(error)))
            return
        self._change(self.fact)
        await self._watch(self._process, what, written)

    async def _watch(self, process: subprocess.Popen[bytes], what: Launch, written: int) -> None:
        while process.poll() is None:
            if self.fact.phase is Phase.STARTING and not self.service.wish.once and await self.service.is_ready(process.pid):
                self._change(replace(self.fact, phase=Phase.READY, since_s=self._now_s(), why=""))
            if self._may_take_over and (not isinstance(self.service, PlaneService) or await self.service.is_reached()):
                self._change(replace(self.fact, reached_s=self._now_s()))
            await asyncio.sleep(READY_POLL_S if self.fact.phase is Phase.READY else STARTING_POLL_S)
        if self.service.wish.once and process.returncode == 0:
            self._change(replace(self.fact, phase=Phase.DONE, since_s=self._now_s(), failures=0, why=""))
        else:
            why, refused = _how(process.returncode, what, written), process.returncode == EXIT_SETTINGS
            self._change(ended(self.fact, self._now_s(), why, refused=refused))

    @property
    def _may_take_over(self) -> bool:
        return bool(self.service.wish.stands_for) and self.fact.phase is Phase.READY and self.fact.reached_s is None

    def _change(self, fact: Fact) -> None:
        self.fact = fact
        alive = self._process is not None and self._process.poll() is None
        self._note(fact, self._process.pid if self._process and alive else None)


def _how(returncode: int, what: Launch, written: int) -> str:
    """A process that ends by itself says why in its log; one that is killed has no last words."""
    return f"killed by signal {-returncode}" if returncode < 0 else f"exit code {returncode} ({log_tail(what.log, written, lines=1)})"
