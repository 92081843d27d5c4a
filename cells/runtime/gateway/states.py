"""The life of a session, as a table: what may follow what. Decides, does nothing."""

from enum import Enum

from chassis.errors import WaggleError


class State(Enum):
    HELLO = "hello"
    """The router asked to open it; the workload has not let it in yet."""
    RESUMING = "resuming"
    """It lived before; what it missed is being replayed."""
    ACTIVE = "active"
    DRAINING = "draining"
    """This process is stopping: replies under way go out, nothing new is taken."""
    CLOSED = "closed"


class Trigger(Enum):
    RESUME = "resume"
    OPENED = "opened"
    DRAIN = "drain"
    CLOSE = "close"


TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (State.HELLO, Trigger.RESUME): State.RESUMING,
    (State.HELLO, Trigger.OPENED): State.ACTIVE,
    (State.HELLO, Trigger.DRAIN): State.CLOSED,
    (State.HELLO, Trigger.CLOSE): State.CLOSED,
    (State.RESUMING, Trigger.OPENED): State.ACTIVE,
    (State.RESUMING, Trigger.DRAIN): State.CLOSED,
    (State.RESUMING, Trigger.CLOSE): State.CLOSED,
    (State.ACTIVE, Trigger.DRAIN): State.DRAINING,
    (State.ACTIVE, Trigger.CLOSE): State.CLOSED,
    (State.DRAINING, Trigger.DRAIN): State.DRAINING,
    (State.DRAINING, Trigger.CLOSE): State.CLOSED,
    (State.CLOSED, Trigger.DRAIN): State.CLOSED,
    (State.CLOSED, Trigger.CLOSE): State.CLOSED,
}
"""Every legal step. Ending twice is legal (the client, the link and the gateway may all end a session); living again is not."""


class IllegalTransition(WaggleError):
    code = "illegal_transition"

    def __init__(self, state: State, trigger: Trigger) -> None:
        super().__init__(f"a session that is {state.value} cannot {trigger.value}")
        self.state, self.trigger = state, trigger


def step(state: State, trigger: Trigger) -> State:
    """The state after `trigger`; raises IllegalTransition."""
    found = TRANSITIONS.get((state, trigger))
    if found is None:
        raise IllegalTransition(state, trigger)
    return found
