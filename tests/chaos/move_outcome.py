"""What each case of the matrix came to: JSON to go on from, a page for people. Written again after each case."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.move_points import PROCESSES, points

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "bench" / "results" / "move-fault-matrix.json"
PAGE = ROOT / "docs" / "move-fault-matrix.md"


@dataclass(frozen=True, slots=True)
class Row:
    """One case. `rest_s`: from the kill to a move that has ended, with an empty census and posts taken again."""

    point: str
    process: str
    ended: str
    rest_s: float
    pause_s: float
    """The longest that a post took until it was acknowledged, retries included."""
    posts: int
    wrong: tuple[str, ...] = ()

    @property
    def cell(self) -> str:
        return f"**{'; '.join(self.wrong)}**" if self.wrong else f"{self.ended} {self.rest_s:.1f} / {self.pause_s:.1f}"


@dataclass
class Table:
    seed: int
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def kept(cls, seed: int) -> "Table":
        """The last run of the same seed; without one, an empty table."""
        if not RESULT.exists():
            return cls(seed)
        found = json.loads(RESULT.read_text())
        rows = [Row(**{**row, "wrong": tuple(row["wrong"])}) for row in found["rows"]]
        return cls(seed, rows if found["seed"] == seed else [])

    def has(self, point: str, process: str) -> bool:
        return any((row.point, row.process) == (point, process) for row in self.rows)

    def keep(self) -> None:
        RESULT.write_text(json.dumps({"seed": self.seed, "rows": [asdict(row) for row in self.rows]}, indent=1) + "\n")
        PAGE.write_text(page(self.seed, self.rows))


def page(seed: int, rows: Sequence[Row]) -> str:
    found = {(row.point, row.process): row.cell for row in rows}
    lines = "\n".join(
        f"| {point.name} | {' | '.join(found.get((point.name, process), '-') for process in PROCESSES)} |" for point in points()
    )
    total, wrong = len(points()) * len(PROCESSES), sum(bool(row.wrong) for row in rows)
    rest, pause = (sorted(getattr(row, name) for row in rows) or [0.0] for name in ("rest_s", "pause_s"))
    return f"""# Moves under fire: every step, every process, kill -9

Written by `make chaos-moves` (`tests/chaos/test_move_matrix.py`), case by case. A platform of real processes moves a workspace while a
Slack client posts without pause and sends each post again, under its `client_msg_id`, until it is acknowledged. At the edge of a
step named on the left the move is stopped, the process named above gets SIGKILL, and the move is let go on against what is left; the
supervisor starts the process again. Nobody else does anything. A case holds when within 60 s of the kill the move has ended, no
slot, publication, subscription, mark, role or row of the workspace is left in the wrong place, both the registry and the cells say the same
home, every acknowledged post is in the channel's history once and in order, and the workspace takes posts.

**{wrong} of {len(rows)} cases went wrong**; {len(rows)} of all {total} were run, seed {seed}.
{sum(row.posts for row in rows):,} posts were acknowledged.

| seconds | median | largest |
|---|---|---|
| from the kill to rest | {rest[len(rest) // 2]:.1f} | {rest[-1]:.1f} |
| the longest post of a case | {pause[len(pause) // 2]:.1f} | {pause[-1]:.1f} |

Each entry: how the move ended, seconds from the kill to rest / the longest post. `window`: a rollback that was given up, the move stays in
its window and is finished from there. `-`: not run.

| struck at | {" | ".join(PROCESSES)} |
|---|{"---|" * len(PROCESSES)}
{lines}
"""
