"""Which scopes open which kind of conversation (https://api.slack.com/docs/conversations-api#scopes)."""

from cells.chat.domain.channels.channel import ChannelKind

ByKind = dict[ChannelKind, tuple[str, ...]]

_PREFIXES = {ChannelKind.PUBLIC: "channels", ChannelKind.PRIVATE: "groups", ChannelKind.IM: "im", ChannelKind.MPIM: "mpim"}

READ: ByKind = {kind: (f"{prefix}:read",) for kind, prefix in _PREFIXES.items()}
HISTORY: ByKind = {kind: (f"{prefix}:history",) for kind, prefix in _PREFIXES.items()}
WRITE: ByKind = {kind: (f"{prefix}:write",) for kind, prefix in _PREFIXES.items()}
WRITE[ChannelKind.PUBLIC] = ("channels:manage", "channels:write")
INVITE: ByKind = dict(WRITE)
INVITE[ChannelKind.PUBLIC] = (*WRITE[ChannelKind.PUBLIC], "channels:write.invites")
INVITE[ChannelKind.PRIVATE] = (*WRITE[ChannelKind.PRIVATE], "groups:write.invites")

TOPIC: ByKind = {kind: (*scopes, f"{_PREFIXES[kind]}:write.topic") for kind, scopes in WRITE.items()}


def any_of(by_kind: ByKind) -> tuple[str, ...]:
    """What a method accepts before the kind of conversation is known."""
    return tuple(dict.fromkeys(scope for scopes in by_kind.values() for scope in scopes))
