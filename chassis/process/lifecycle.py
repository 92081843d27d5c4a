"""Where a process is in its life: starting, ready, stopping."""

import asyncio
from collections.abc import Callable


class Lifecycle:
    """Shared by everything in a process; made inside its event loop."""

    def __init__(self, drain_s: float = 30.0, on_ready: Callable[[], None] | None = None) -> None:
        self.stopping = asyncio.Event()
        """Set at the first SIGTERM or SIGINT: take nothing new, finish what there is, return."""
        self.drain_s = drain_s
        """How long the process may take from `stopping` to its end, in seconds."""
        self._waiting_for: str | None = "starting"
        self._on_ready = on_ready

    def ready(self) -> None:
        """This process does its work from now on; /readyz says so until it is stopping."""
        self._waiting_for = None
        on_ready, self._on_ready = self._on_ready, None  # once
        if on_ready is not None:
            on_ready()

    def unready(self, why: str) -> None:
        """Send no work here for now, because of `why` (one line, shown on /readyz)."""
        self._waiting_for = why

    @property
    def is_ready(self) -> bool:
        return self.reason is None

    @property
    def reason(self) -> str | None:
        """Why the process is not ready; None when it is."""
        return "stopping" if self.stopping.is_set() else self._waiting_for

    def stop(self) -> None:
        self.stopping.set()
