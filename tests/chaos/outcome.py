"""What a run found: JSON for machines, a short page for people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "bench" / "results" / "chaos.json"
PAGE = ROOT / "docs" / "chaos.md"


@dataclass(frozen=True)
class Pauses:
    """Milliseconds."""

    p50: float
    p99: float
    max: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Pauses":
        ranked = sorted(seconds) or [0.0]
        at = [ranked[min(len(ranked) - 1, int(share * len(ranked)))] * 1000 for share in (0.5, 0.99)]
        return cls(round(at[0], 1), round(at[1], 1), round(ranked[-1] * 1000, 1), len(seconds))

    @property
    def row(self) -> str:
        return f"{self.p50:,.0f} | {self.p99:,.0f} | {self.max:,.0f} | {self.count:,}"


@dataclass(frozen=True)
class Outcome:
    seed: int
    seconds: float
    sockets: int
    faults: Mapping[str, int]
    posts: int
    stored: int
    events: int
    reconnects: int
    answers: Mapping[str, int]
    closes: Mapping[str, int]
    refused_upgrades: Mapping[str, int]
    post_ms: Pauses
    delivery_ms: Pauses
    away_ms: Pauses
    violations: Sequence[str]

    def keep(self) -> None:
        RESULT.write_text(json.dumps(asdict(self), indent=1) + "\n")
        PAGE.write_text(self.page())

    def page(self) -> str:
        """Written by `make chaos`; says what was broken and what came of it."""
        faults = "\n".join(f"| {name} | {count} |" for name, count in sorted(self.faults.items()))
        return f"""# Chaos: what the last run found

Written by `make chaos` (`tests/chaos/test_ledger.py`). Real processes are killed, stopped and paused at random while posters send each
post again until it is acknowledged and sockets come back with their last `seq`. At the end the ledger of both is held against the
history of every channel.

**{len(self.violations)} violations** (lost, doubled, reordered or strayed) in {self.seconds:,.0f} s, seed {self.seed}.

| | |
|---|---|
| faults | {sum(self.faults.values()):,} |
| posts acknowledged | {self.posts:,} |
| messages stored | {self.stored:,} |
| sockets | {self.sockets:,} |
| events received and checked | {self.events:,} |
| reconnects (routers were killed; cells' deaths are not seen by sockets) | {self.reconnects:,} |

| pauses that clients saw, ms | p50 | p99 | max | of |
|---|---|---|---|---|
| a post until it was acknowledged, retries included | {self.post_ms.row} |
| a post until a socket had it | {self.delivery_ms.row} |
| a socket without a connection | {self.away_ms.row} |

| fault | times |
|---|---|
{faults}
"""
