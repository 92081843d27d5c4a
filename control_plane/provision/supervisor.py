"""`waggle up`: a whole platform on this machine, as real processes that are kept running.

up(UpOptions(home=Path(".waggle")))       # in the foreground until Ctrl-C, SIGTERM or `waggle down`; returns the exit code
up(UpOptions(home=..., detach=True))      # returns 0 when requests are served
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from chassis.errors import WaggleError
from control_plane.provision.demo import kept_demo
from control_plane.provision.detached import start_detached
from control_plane.provision.layout import Layout
from control_plane.provision.platform_file import read_state
from control_plane.provision.progress import Progress, summary
from control_plane.provision.supervisor_lock import AlreadyRunning, holder
from control_plane.provision.upbringing import Upbringing


@dataclass(frozen=True, slots=True)
class UpOptions:
    """`port` None: the one this home had before, at first 8080. `cells` are there at least; more that exist stay."""

    home: Path
    cells: int = 2
    port: int | None = None
    host: str = "127.0.0.1"
    domain: str = "localhost"
    detach: bool = False
    json: bool = False
    demo: bool = True
    quiet: bool = False
    """Tell nobody the tokens: the output is a log."""


def up(options: UpOptions) -> int:
    """Bring the platform up. One line on stderr and exit code 1 when that cannot be."""
    layout = Layout(options.home)
    console = Console(stderr=options.json)
    try:
        if (pid := holder(layout.lock)) is not None:
            return _already(layout, console, pid, options.json)
        if options.detach:
            return _detached(options, layout, console)
        return asyncio.run(_foreground(options, layout, console))
    except WaggleError as error:
        sys.stderr.write(f"waggle: {error}\n")
        return 1


async def _foreground(options: UpOptions, layout: Layout, console: Console) -> int:
    upbringing = Upbringing(layout, cells=options.cells, port=options.port, host=options.host, domain=options.domain, demo=options.demo)
    with Progress(console) as progress:

        def on_ready() -> None:
            progress.__exit__()
            if not options.quiet:
                _told(layout, console, options.json)
                console.print("Ctrl-C stops it; the data stays.", highlight=False)

        await upbringing.run(
            show=progress.show, say=lambda text: console.print(text, highlight=False, markup=False, soft_wrap=True), on_ready=on_ready
        )
    console.print("stopped; the data stays", highlight=False)
    return 0


def _detached(options: UpOptions, layout: Layout, console: Console) -> int:
    with Progress(console) as progress:
        start_detached(layout, _arguments(options), progress.show)
    _told(layout, console, options.json)
    return 0


def _already(layout: Layout, console: Console, pid: int, as_json: bool) -> int:
    state = read_state(layout.platform)
    if state is None or not state.ready:
        raise AlreadyRunning(layout.home, pid)
    console.print(f"already running (pid {pid}); waggle down stops it", highlight=False)
    _told(layout, console, as_json)
    return 0


def _told(layout: Layout, console: Console, as_json: bool) -> None:
    state, demo = read_state(layout.platform), kept_demo(layout.demo)
    if state is None:
        return
    if as_json:
        sys.stdout.write(json.dumps({**asdict(state), "api_url": state.api_url, "demo": asdict(demo) if demo else None}) + "\n")
        sys.stdout.flush()
    else:
        summary(console, layout, state, demo)


def _arguments(options: UpOptions) -> dict[str, object]:
    kept = {name: value for name, value in asdict(options).items() if name not in ("home", "detach", "json", "quiet")}
    return {**kept, "home": str(options.home.absolute()), "quiet": True}
