"""Every method that is served."""

from collections.abc import Mapping

from cells.chat.domain.presence.keeper import Presences
from cells.chat.slack import (
    api,
    chat,
    conversations,
    counts,
    dnd,
    history,
    marks,
    presence,
    profiles,
    reactions,
    rtm,
    team,
    usergroups,
    users,
)
from cells.chat.slack.registry import Method, registry_of
from chassis.clock import SystemClock


def all_methods(remembered: counts.Remembering = counts.FORGETFUL, presences: Presences | None = None) -> Mapping[str, Method]:
    return registry_of(
        api.METHODS,
        team.METHODS,
        users.METHODS,
        profiles.METHODS,
        presence.methods(presences or Presences(SystemClock())),
        dnd.METHODS,
        usergroups.METHODS,
        conversations.METHODS,
        marks.METHODS,
        counts.methods(remembered),
        history.METHODS,
        chat.METHODS,
        reactions.METHODS,
        rtm.METHODS,
    )
