"""What `waggle up` shows: one line a process while it starts, then one summary. Plain lines where there is no terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from control_plane.provision.demo import Demo
from control_plane.provision.layout import Layout
from control_plane.provision.platform_file import PlatformState
from control_plane.provision.supervision import Seen

MARKS = {"waiting": "[dim]·[/]", "starting": "[yellow]…[/]", "ready": "[green]✓[/]", "done": "[green]✓[/]", "ended": "[red]✗[/]"}


class Progress:
    """`show` may be called as often as there is news."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None
        self._told: set[str] = set()

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, processes: Sequence[Seen]) -> None:
        if self._live:
            self._live.update(_table(processes), refresh=True)
            return
        for one in processes:
            if one.phase in ("ready", "done") and one.name not in self._told:
                self._told.add(one.name)
                self._console.print(f"{one.name} {one.phase}", highlight=False)


def _table(processes: Sequence[Seen]) -> Table:
    table = Table.grid(padding=(0, 2))
    for one in processes:
        table.add_row(MARKS.get(one.phase, "?"), one.name, f"[dim]{one.phase}[/]", one.why if one.phase != "ready" else "")
    return table


def summary(console: Console, layout: Layout, state: PlatformState, demo: Demo | None) -> None:
    """Addresses, tokens, log files: all that a newcomer needs for the first request."""
    lines = [("Waggle", f"{state.public_url}   (API {state.api_url})")]
    if demo:
        lines.append(("workspace", f"{demo.name}   {demo.url}"))
        lines += [(f"{kind} token", token) for kind, token in sorted(demo.tokens.items(), reverse=True)]
    planes = [one.name for one in state.processes if not one.name.endswith(("-postgres", "-valkey", "-migrations"))]
    lines += [("running", ", ".join(planes)), ("logs", f"{layout.logs}/NAME.log"), ("data", str(layout.home))]
    for label, text in lines:
        console.print(f"[bold]{label:<12}[/] {text}", highlight=False, soft_wrap=True)
