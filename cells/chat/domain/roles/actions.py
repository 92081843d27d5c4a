"""Who may do what: the one table of it. What a method asks of a channel beside this (to be in it, say) is the channel's to ask.

`require_may(call.bearer.role, Action.ARCHIVE)` refuses with the word that Slack has for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from cells.chat.domain.errors import DomainError
from cells.chat.domain.roles.errors import (
    NotAnAdmin,
    NotAuthorized,
    PermissionDenied,
    RestrictedAction,
    UserIsRestricted,
    UserIsUltraRestricted,
)
from cells.chat.domain.roles.role import Role

OWNERS = frozenset((Role.PRIMARY_OWNER, Role.OWNER))
ADMINS = OWNERS | {Role.ADMIN}
PEOPLE = ADMINS | {Role.MEMBER}
"""Without guests and bots."""
FULL = PEOPLE | {Role.BOT}
"""All but guests. A bot may what its scopes open: a person granted them."""
EVERY = frozenset(Role)


class Action(Enum):
    CREATE_CHANNEL = auto()
    ARCHIVE = auto()
    UNARCHIVE = auto()
    RENAME_CHANNEL_OF_OTHERS = auto()
    """Who made a channel may rename it as well."""
    SET_TOPIC = auto()
    LEAVE = auto()
    INVITE = auto()
    KICK_FROM_PUBLIC = auto()
    KICK_FROM_PRIVATE = auto()
    EDIT_BOOKMARKS = auto()
    MANAGE_USER_GROUPS = auto()
    DELETE_MESSAGE_OF_OTHERS = auto()
    MANAGE_PEOPLE = auto()
    """Invite, switch off and on, change roles, make tokens, end sessions."""
    MANAGE_EMOJI = auto()
    DELETE_FILE_OF_OTHERS = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    may: frozenset[Role]
    refusal: type[DomainError] = RestrictedAction


RULES: Mapping[Action, Rule] = {
    Action.CREATE_CHANNEL: Rule(FULL),
    Action.ARCHIVE: Rule(FULL),
    Action.UNARCHIVE: Rule(FULL, UserIsRestricted),
    Action.RENAME_CHANNEL_OF_OTHERS: Rule(ADMINS, NotAuthorized),
    Action.SET_TOPIC: Rule(FULL, UserIsRestricted),
    Action.LEAVE: Rule(EVERY - {Role.SINGLE_GUEST}, UserIsRestricted),
    Action.INVITE: Rule(FULL, UserIsRestricted),
    Action.KICK_FROM_PUBLIC: Rule(ADMINS | {Role.BOT}),
    Action.KICK_FROM_PRIVATE: Rule(FULL),
    Action.EDIT_BOOKMARKS: Rule(FULL, PermissionDenied),
    Action.MANAGE_USER_GROUPS: Rule(PEOPLE, PermissionDenied),
    Action.DELETE_MESSAGE_OF_OTHERS: Rule(ADMINS),
    Action.MANAGE_PEOPLE: Rule(ADMINS, NotAnAdmin),
    Action.MANAGE_EMOJI: Rule(PEOPLE, NotAnAdmin),
    Action.DELETE_FILE_OF_OTHERS: Rule(ADMINS),
}


def may(role: Role, action: Action) -> bool:
    return role in RULES[action].may


def require_may(role: Role, action: Action) -> None:
    """Raises the rule's refusal; to a guest of one channel a restriction has a word of its own."""
    rule = RULES[action]
    if role in rule.may:
        return
    if rule.refusal is UserIsRestricted and role is Role.SINGLE_GUEST:
        raise UserIsUltraRestricted
    raise rule.refusal
