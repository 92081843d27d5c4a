"""What applying a cell looks like: the plan, then each object's state while it becomes ready."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from control_plane.cli.printing import say
from control_plane.provision.kubernetes.difference import Change
from control_plane.provision.kubernetes.manifests import Ref
from control_plane.provision.kubernetes.planning import Action, Plan
from control_plane.provision.kubernetes.readiness import Phase, Standing

MARKS = {Phase.READY: "[green]✓[/]", Phase.WAITING: "[yellow]…[/]", Phase.STUCK: "[red]![/]", Phase.FAILED: "[red]✗[/]"}
SIGNS = {Action.CREATE: ("+", "green"), Action.CHANGE: ("~", "yellow"), Action.REPLACE: ("±", "yellow"), Action.REMOVE: ("-", "red")}

ALIKE_MIN = 3


class Shown:
    """A table on a terminal; a line for each object that changed elsewhere; nothing for scripts. On stderr.

    `of`: the cell, where several are applied at the same time: lines then, and each begins with it.
    """

    def __init__(self, *, quiet: bool, of: str = "") -> None:
        self._quiet = quiet
        self._of = f"{of}: " if of else ""
        self._console = Console(stderr=True)
        self._live = (
            None if quiet or of or not self._console.is_terminal else Live(console=self._console, transient=True, auto_refresh=False)
        )
        self._now: dict[Ref, Standing] = {}

    def __enter__(self) -> "Shown":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def tell(self, standings: Sequence[Standing]) -> None:
        news = [one for one in standings if self._now.get(one.ref) != one]
        self._now.update({one.ref: one for one in news})
        if self._live:
            self._live.update(self._table(), refresh=True)
        elif not self._quiet:
            for one in (one for one in news if one.why):  # what is ready as soon as it is stored is no news
                style = "red" if one.phase is Phase.STUCK else ""
                self._console.print(self._of + _line(one), style=style, markup=False, highlight=False, soft_wrap=True)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for one in self._now.values():
            table.add_row(MARKS[one.phase], str(one.ref), f"[dim]{one.phase}[/]", one.why)
        return table


def _line(one: Standing) -> str:
    return f"{one.ref} {one.phase}" + (f": {one.why}" if one.why else "")


def show_plan(plan: Plan) -> None:
    """Objects that change in the same way, as all of them do in a label with the version, are told in one line."""
    say(f"{plan.cell} in namespace {plan.namespace}, {plan.chart}" + (f", version {plan.version}" if plan.version else ""))
    alike = Counter(one.changes for one in plan.acts if one.changes)
    told: set[tuple[Change, ...]] = set()
    for one in plan.acts:
        sign, style = SIGNS[one.action]
        if alike[one.changes] < ALIKE_MIN:
            say(f"{sign} {one.action} {one.ref}", style)
        elif one.changes not in told:
            told.add(one.changes)
            say(f"{sign} {one.action} {alike[one.changes]} objects alike", style)
        else:
            continue
        for change in one.changes:
            say(f"    {change.path}: {change.before or '(nothing)'} -> {change.after or '(nothing)'}")


def plan_json(plan: Plan) -> dict[str, Any]:
    objects = [
        {
            "kind": one.ref.kind,
            "name": one.ref.name,
            "action": str(one.action),
            "changes": [{"path": change.path, "before": change.before, "after": change.after} for change in one.changes],
        }
        for one in plan.planned
    ]
    return {"cell": plan.cell, "namespace": plan.namespace, "chart": plan.chart, "version": plan.version, "objects": objects}
