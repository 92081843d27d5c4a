"""I4: an acknowledged message is never lost, doubled or reordered, whatever is killed.

Run by `make chaos`; WAGGLE_CHAOS_SECONDS (300), WAGGLE_CHAOS_SEED (1) and WAGGLE_CHAOS_SOCKETS (100) change it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane.provision.processes import free_port
from tests.chaos.breaking import Breaker
from tests.chaos.outcome import Outcome, Pauses
from tests.chaos.stage import SETTLING_S, Stage, staged
from tests.harness.platform import Platform

SECONDS = float(os.environ.get("WAGGLE_CHAOS_SECONDS", "300"))
SEED = int(os.environ.get("WAGGLE_CHAOS_SEED", "1"))
SOCKETS = int(os.environ.get("WAGGLE_CHAOS_SOCKETS", "100"))

pytestmark = [pytest.mark.chaos, pytest.mark.anyio, pytest.mark.lasts(SECONDS + 2 * SETTLING_S + 120)]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    running = Platform(tmp_path / "home", free_port())
    running.up(cells=2)
    try:
        yield running
    finally:
        running.down()


async def test_nothing_acknowledged_is_lost_doubled_or_reordered(platform: Platform) -> None:
    breaker = Breaker(platform, SEED)
    async with staged(platform, SOCKETS) as (stage, violations):
        await breaker.run(SECONDS)
    outcome = outcome_of(stage, breaker, violations)
    outcome.keep()
    assert outcome.violations == []
    assert outcome.posts > 0


def outcome_of(stage: Stage, breaker: Breaker, violations: list[str]) -> Outcome:
    seen = stage.seen
    return Outcome(
        seed=SEED,
        seconds=SECONDS,
        sockets=len(stage.sockets),
        faults=dict(breaker.done),
        posts=len(stage.posted),
        stored=stage.stored,
        events=sum(len(socket.book.received) for socket in stage.sockets),
        reconnects=sum(max(0, socket.connects - 1) for socket in stage.sockets),
        answers=dict(seen.answers),
        closes={str(code): count for code, count in seen.closes.items()},
        refused_upgrades=dict(seen.refused_upgrades),
        post_ms=Pauses.of(seen.post_s),
        delivery_ms=Pauses.of(seen.delivery_s),
        away_ms=Pauses.of(seen.away_s),
        violations=violations,
    )
