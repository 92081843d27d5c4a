"""What the supervisor decides, from every state that a crash can leave."""

from dataclasses import replace

import pytest

from control_plane.provision.decisions import (
    DELAY_S_MAX,
    FAILURES_MAX,
    HANDOVER_S,
    STARTING_S_MAX,
    STEADY_S,
    Action,
    End,
    Fact,
    GiveUp,
    Phase,
    Start,
    Wish,
    complete,
    decide,
    delay_s,
    ended,
    starting,
)

DATABASE = Wish("postgres")
TABLES = Wish("migrations", needs=("postgres",), once=True)
CELL = Wish("cell", needs=("postgres", "migrations"))
WISHES = (DATABASE, TABLES, CELL)
NOW_S = 1000.0
LONG_AGO_S = 0.0


def at(phase: Phase, since_s: float = LONG_AGO_S, failures: int = 0) -> Fact:
    return Fact(phase, since_s, failures=failures)


def decided(facts: dict[str, Fact], complete_before: bool = True) -> list[Action]:
    return decide(WISHES, facts, NOW_S, complete_before)


def test_from_nothing_only_what_needs_nothing_starts() -> None:
    assert decided({}) == [Start("postgres")]


def test_needs_are_waited_for() -> None:
    assert decided({"postgres": at(Phase.STARTING, NOW_S)}) == []
    assert decided({"postgres": at(Phase.READY)}) == [Start("migrations")]
    assert decided({"postgres": at(Phase.READY), "migrations": at(Phase.STARTING, NOW_S)}) == []
    assert decided({"postgres": at(Phase.READY), "migrations": at(Phase.DONE)}) == [Start("cell")]


def test_a_process_stays_when_what_it_needs_ends() -> None:
    facts = {"postgres": at(Phase.ENDED, failures=1), "migrations": at(Phase.DONE), "cell": at(Phase.READY)}
    assert decided(facts) == [Start("postgres")]


def test_settings_that_are_refused_at_the_first_start_are_reported_at_once() -> None:
    """Only where somebody gave settings and the process never ran: later it is an accident (a port taken), to be repaired."""
    told = Wish("router", configured=True)
    refused = Fact(Phase.ENDED, LONG_AGO_S, failures=1, why="exit code 2 (WAGGLE_ROUTER_WORKERS: 'x')", refused=True)
    assert decide([told], {"router": refused}, NOW_S, True) == [GiveUp("router", refused.why)]
    assert decide([Wish("router")], {"router": refused}, NOW_S, True) == [Start("router")]
    assert decide([told], {"router": replace(refused, starts=2)}, NOW_S, True) == [Start("router")]


def test_an_ended_process_waits_for_what_it_needs() -> None:
    facts = {"postgres": at(Phase.STARTING, NOW_S), "migrations": at(Phase.DONE), "cell": at(Phase.ENDED, failures=1)}
    assert decided(facts) == []


def test_a_restart_waits_its_time() -> None:
    facts = {"postgres": at(Phase.ENDED, NOW_S - delay_s(4) + 0.01, failures=4)}
    assert decided(facts) == []
    assert decided({"postgres": at(Phase.ENDED, NOW_S - delay_s(4), failures=4)}) == [Start("postgres")]


def test_waits_double_and_are_bounded() -> None:
    assert [delay_s(n) for n in (0, 1, 2, 3)] == [0.2, 0.2, 0.4, 0.8]
    assert delay_s(10_000) == DELAY_S_MAX


def test_gives_up_only_before_the_platform_was_complete() -> None:
    facts = {"postgres": at(Phase.ENDED, failures=FAILURES_MAX)}
    assert isinstance(decided(facts, complete_before=False)[0], GiveUp)
    assert decided(facts, complete_before=True) == [Start("postgres")]


def test_a_start_that_hangs_is_ended() -> None:
    [action] = decided({"postgres": at(Phase.STARTING, NOW_S - STARTING_S_MAX - 1)})
    assert isinstance(action, End)


def test_what_nobody_wants_is_ended_once() -> None:
    facts = {"postgres": at(Phase.STARTING, NOW_S), "old": at(Phase.READY)}
    assert decided(facts) == [End("old", "no longer wanted")]
    assert decided({**facts, "old": at(Phase.ENDED)}) == []


def test_complete_means_all_ready_or_done() -> None:
    facts = {"postgres": at(Phase.READY), "migrations": at(Phase.DONE), "cell": at(Phase.READY)}
    assert complete(WISHES, facts)
    assert not complete(WISHES, {**facts, "cell": at(Phase.STARTING)})
    assert not complete(WISHES, {})


@pytest.mark.parametrize(("ready_s", "failures"), [(STEADY_S - 1, 6), (STEADY_S, 1)])
def test_a_long_life_forgives_earlier_failures(ready_s: float, failures: int) -> None:
    assert ended(at(Phase.READY, NOW_S - ready_s, failures=5), NOW_S, "killed").failures == failures


def test_a_start_that_never_was_ready_is_a_failure_however_long_it_took() -> None:
    assert ended(at(Phase.STARTING, LONG_AGO_S, failures=1), NOW_S, "hung").failures == 2


def test_starts_are_counted() -> None:
    first = starting(None, 1.0)
    assert (first.starts, starting(ended(first, 2.0, "killed"), 3.0).starts) == (1, 2)


FRESH = Fact(Phase.READY, LONG_AGO_S, reached_s=NOW_S - HANDOVER_S + 0.1)
UNREACHED = Fact(Phase.READY, LONG_AGO_S)


def test_a_version_serves_until_the_next_one_is_ready_and_known() -> None:
    """One that never gets ready takes nothing away; one whose cell is wanted no more waits for nobody."""
    following = Wish("cell@2", stands_for="cell")
    serving = Fact(Phase.READY, LONG_AGO_S, stands_for="cell", reached_s=LONG_AGO_S)
    for fact in (None, Fact(Phase.STARTING, NOW_S), Fact(Phase.ENDED, NOW_S, failures=1), FRESH, UNREACHED):
        facts = {"cell": serving} | ({"cell@2": fact} if fact else {})
        assert End("cell", "no longer wanted") not in decide([following], facts, NOW_S, True)
    facts = {"cell": serving, "cell@2": Fact(Phase.READY, LONG_AGO_S, stands_for="cell", reached_s=NOW_S - HANDOVER_S)}
    assert decide([following], facts, NOW_S, True) == [End("cell", "no longer wanted")]
    assert decide([], {"cell": serving}, NOW_S, True) == [End("cell", "no longer wanted")]
    back = {"cell": serving, "cell@2": Fact(Phase.STARTING, NOW_S, stands_for="cell")}
    assert decide([Wish("cell", stands_for="cell")], back, NOW_S, True) == [End("cell@2", "no longer wanted")]
