"""A supervisor without a terminal: started in a session of its own, watched until it serves."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from control_plane.provision.errors import ProvisionError
from control_plane.provision.given_settings import rooted
from control_plane.provision.layout import Layout
from control_plane.provision.platform_file import PlatformState, read_state
from control_plane.provision.processes import log_tail
from control_plane.provision.supervision import Seen

READY_S_MAX = 150.0
LOOK_EVERY_S = 0.1


def start_detached(layout: Layout, options: Mapping[str, object], show: Callable[[Sequence[Seen]], None]) -> PlatformState:
    """Returns when requests are served. Raises ProvisionError with the supervisor's own last line otherwise."""
    layout.create()
    log = layout.log("supervisor")
    written = log.stat().st_size if log.exists() else 0
    process = _spawn(layout, options)
    deadline = time.monotonic() + READY_S_MAX
    while process.poll() is None and time.monotonic() < deadline:
        state = read_state(layout.platform)
        if state is not None and state.pid == process.pid:
            show(state.processes)
            if state.ready:
                return state
        time.sleep(LOOK_EVERY_S)
    if process.poll() is None:
        process.terminate()
        raise ProvisionError(f"the platform does not serve after {READY_S_MAX:.0f} s; see {log}")
    raise ProvisionError(log_tail(log, written, lines=1).removeprefix("waggle: "))


def _spawn(layout: Layout, options: Mapping[str, object]) -> subprocess.Popen[bytes]:
    with os.fdopen(os.open(layout.log("supervisor"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "control_plane.provision", json.dumps(options)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=rooted(os.environ, Path.cwd()),
            start_new_session=True,
        )
