"""Every method that is served."""

from collections.abc import Mapping

from cells.chat.slack import api, chat, conversations, history, reactions, rtm, team, users
from cells.chat.slack.registry import Method, registry_of


def all_methods() -> Mapping[str, Method]:
    return registry_of(
        api.METHODS, team.METHODS, users.METHODS, conversations.METHODS, history.METHODS, chat.METHODS, reactions.METHODS, rtm.METHODS
    )
