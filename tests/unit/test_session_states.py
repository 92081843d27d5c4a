"""The life of a session: from every state, every trigger."""

import pytest

from cells.runtime.gateway.states import TRANSITIONS, IllegalTransition, State, Trigger, step

PAIRS = [(state, trigger) for state in State for trigger in Trigger]


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_every_pair_is_in_the_table_or_refused(state: State, trigger: Trigger) -> None:
    if (state, trigger) in TRANSITIONS:
        assert step(state, trigger) is TRANSITIONS[state, trigger]
    else:
        with pytest.raises(IllegalTransition) as refused:
            step(state, trigger)
        assert (refused.value.state, refused.value.trigger) == (state, trigger)


@pytest.mark.parametrize("state", list(State))
def test_every_state_can_be_closed(state: State) -> None:
    assert step(state, Trigger.CLOSE) is State.CLOSED


@pytest.mark.parametrize("trigger", list(Trigger))
def test_closed_is_for_ever(trigger: Trigger) -> None:
    assert TRANSITIONS.get((State.CLOSED, trigger), State.CLOSED) is State.CLOSED


@pytest.mark.parametrize("state", list(State))
def test_draining_a_session_leaves_nothing_that_could_open(state: State) -> None:
    after = step(state, Trigger.DRAIN)
    assert after in (State.DRAINING, State.CLOSED)
    assert (after, Trigger.OPENED) not in TRANSITIONS and (after, Trigger.RESUME) not in TRANSITIONS


def test_only_a_session_that_was_let_in_is_active() -> None:
    ways_in = {state for (state, trigger), after in TRANSITIONS.items() if after is State.ACTIVE}
    assert ways_in == {State.HELLO, State.RESUMING}
    assert {trigger for (_, trigger), after in TRANSITIONS.items() if after is State.ACTIVE} == {Trigger.OPENED}


def test_every_state_is_reached_from_hello() -> None:
    reached = {State.HELLO}
    for _ in State:
        reached |= {after for (state, _), after in TRANSITIONS.items() if state in reached}
    assert reached == set(State)
