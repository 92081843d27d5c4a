"""Every method that is served."""

from collections.abc import Mapping

from cells.chat.slack import api, chat, conversations, counts, history, marks, reactions, rtm, team, usergroups, users
from cells.chat.slack.registry import Method, registry_of


def all_methods(remembered: counts.Remembering = counts.FORGETFUL) -> Mapping[str, Method]:
    return registry_of(
        api.METHODS,
        team.METHODS,
        users.METHODS,
        usergroups.METHODS,
        conversations.METHODS,
        marks.METHODS,
        counts.methods(remembered),
        history.METHODS,
        chat.METHODS,
        reactions.METHODS,
        rtm.METHODS,
    )
