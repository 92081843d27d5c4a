"""Figures, bars, and where they are kept: a table for people, JSON for the next run."""

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured number; `bar` says what was promised, `met` whether it holds (None: no promise)."""

    name: str
    value: float
    unit: str
    bar: str = ""
    met: bool | None = None
    detail: str = ""


@dataclass
class Report:
    figures: list[Figure] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def add(
        self, name: str, value: float, unit: str, at_most: float | None = None, at_least: float | None = None, detail: str = ""
    ) -> None:
        bar, met = "", None
        if at_most is not None:
            bar, met = f"<= {at_most:g}", value <= at_most
        if at_least is not None:
            bar, met = f">= {at_least:g}", value >= at_least
        self.figures.append(Figure(name, round(value, 3), unit, bar, met, detail))

    def broke(self, suite: str, error: Exception) -> None:
        """A suite that ended early; what it found until then stays."""
        self.broken.append(suite)
        self.figures.append(Figure(f"{suite} ended early", float("nan"), "", "no error", False, repr(error)[:200]))

    def show(self) -> None:
        table = Table("measure", "value", "unit", "bar", "", "detail", title="waggle bench")
        for figure in self.figures:
            mark = {None: "", True: "[green]met[/]", False: "[red]NOT met[/]"}[figure.met]
            table.add_row(figure.name, f"{figure.value:,.2f}", figure.unit, figure.bar, mark, figure.detail)
        console = Console(width=150)
        console.print(table)
        met = [figure.met for figure in self.figures if figure.met is not None]
        console.print(f"{sum(met)} of {len(met)} bars met")

    def keep(self, name: str) -> Path:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}-{name}.json"
        facts = {"machine": machine(), "figures": [asdict(figure) for figure in self.figures]}
        path.write_text(json.dumps(facts, indent=1) + "\n")
        return path


def machine() -> dict[str, str | int | None]:
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "revision": revision.stdout.strip(),
    }


def quantile(values: Sequence[float], share: float) -> float:
    """Of what was seen; infinity where nothing was."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("inf")
