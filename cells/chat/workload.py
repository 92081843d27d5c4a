"""Chat as a cell's workload: what the runtime is given, and nothing it has to know."""

from cells.chat.commands import admit_workspace, commands
from cells.chat.domain.catalogue import chat_tables
from cells.chat.domain.presence.keeper import Presences
from cells.chat.domain.presence.sharing import Asking
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.counts import FORGETFUL, Remembering
from cells.chat.slack.dispatch import Dispatch
from cells.chat.slack.methods import all_methods
from cells.chat.slack.rtm import Once, RtmSessions
from cells.runtime.workload import Workload
from chassis.clock import Clock

MONTHS_AHEAD = 12


def chat(clock: Clock, once: Once, remembered: Remembering = FORGETFUL, shared: Asking | None = None) -> Workload:
    """`once` makes sockets' tickets good for one use across the cell's processes (`cells.runtime.bus.Claims`);
    `remembered` spares the counting of a sidebar that was counted a moment ago (`cells.runtime.bus.Remembered`).
    `shared` is where processes tell one another who is here (`cells.runtime.bus.Shared`); without it presence says nothing.
    """
    bearers, presences = Bearers(clock), Presences(clock, shared)
    return Workload(
        name="chat",
        tables=chat_tables(),
        app=Dispatch(all_methods(remembered, presences), bearers, clock),
        commands=commands(bearers),
        admit=admit_workspace,
        sessions=RtmSessions(clock, once, presences),
        attendance=presences,
        lifespan=presences.running,
        partitions={"make_message_partitions": MONTHS_AHEAD},
    )
