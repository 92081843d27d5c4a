"""A simulation as a picture. matplotlib is imported here alone, and only when a picture is wanted."""

from collections.abc import Sequence
from pathlib import Path

from chassis.errors import WaggleError
from control_plane.rebalance.simulation import Day

DPI = 110


class NoPlots(WaggleError):
    """matplotlib is not installed."""

    code = "no_plots"


def draw(days: Sequence[Day], path: Path) -> None:
    """Imbalance, moves and bytes by day, as PNG. Raises NoPlots, OSError."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise NoPlots("pictures need matplotlib: pip install 'waggle[plots]', or say --no-plot") from None
    numbers = [day.number for day in days]
    figure = Figure(figsize=(9, 7), layout="constrained")
    FigureCanvasAgg(figure)
    uneven, moved = figure.subplots(2, 1, sharex=True)
    uneven.plot(numbers, [100 * day.worst_before for day in days], "o-", color="#b8b8b8", label="before the day's plan")
    uneven.plot(numbers, [100 * day.worst_after for day in days], "o-", color="#d98c00", label="after it")
    for day in days:
        if day.failed_cells:
            uneven.axvline(day.number, color="#a03030", linewidth=0.8, linestyle=":")
    uneven.axhline(10, color="#307030", linewidth=0.8)
    uneven.set(ylabel="fullest cell over its mean, %", ylim=(0, None), title="Imbalance (dotted: a cell is lost)")
    uneven.legend()
    moved.bar(numbers, [day.moves for day in days], color="#d98c00", label="moves")
    moved.set(xlabel="day", ylabel="moves", yscale="symlog")
    size = moved.twinx()
    size.plot(numbers, [day.moved_bytes / 1e9 for day in days], color="#505050", label="GB moved")
    size.set(ylabel="GB moved", yscale="log")
    moved.set_title("What it costs")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)
