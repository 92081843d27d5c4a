"""Who things are: typed ids, and tokens that carry their workspace in readable digits.

Shapes follow Slack (https://api.slack.com/authentication/token-types), so that clients' own checks accept them:
`xoxb-<workspace>-<user>-<secret>`, `xoxp-<workspace>-<user>-<token>-<32 hex>`, `xapp-1-<app>-<workspace>-<hex>`,
where `<workspace>` is the workspace id as a decimal number. The edge routes by it without a look-up; it proves nothing,
the secret does.
"""

import re
import secrets
from functools import lru_cache
from typing import NewType

WorkspaceId = NewType("WorkspaceId", str)
UserId = NewType("UserId", str)
ChannelId = NewType("ChannelId", str)
BotId = NewType("BotId", str)
AppId = NewType("AppId", str)
CellName = NewType("CellName", str)
ProcessId = NewType("ProcessId", str)

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ID_LENGTH = 10
_FIRST, _END = 36 ** (ID_LENGTH - 1), 36**ID_LENGTH
_WORKSPACE = re.compile(rf"T[1-9A-Z][0-9A-Z]{{{ID_LENGTH - 1}}}")
_TOKEN = re.compile(
    r"(?:xoxb-(?P<bot>[0-9]{1,16})-[0-9]{1,16}-[A-Za-z0-9]{1,64}"
    r"|xoxp-(?P<user>[0-9]{1,16})-[0-9]{1,16}-[0-9]{1,16}-[0-9a-f]{32}"
    r"|xapp-1-A[0-9A-Z]{1,20}-(?P<app>[0-9]{1,16})-[0-9a-f]{1,128})"
)


def make_id(prefix: str) -> str:
    """A new id: the prefix letter, then 10 of [0-9A-Z] with 51 random bits; unique across cells without asking anyone."""
    return prefix + _base36(_FIRST + secrets.randbelow(_END - _FIRST))


def make_workspace_id() -> WorkspaceId:
    return WorkspaceId(make_id("T"))


def is_workspace_id(text: str) -> bool:
    return _WORKSPACE.fullmatch(text) is not None


def number_of(identifier: str) -> int:
    """The number in an id, as tokens show it. Inverse: `workspace_of_number`."""
    return int(identifier[1:], 36)


@lru_cache(maxsize=16_384)
def workspace_of_number(number: int) -> WorkspaceId | None:
    return WorkspaceId("T" + _base36(number)) if _FIRST <= number < _END else None


def workspace_of_token(token: str) -> WorkspaceId | None:
    """The workspace that a token names; None where its shape is none of ours."""
    found = _TOKEN.fullmatch(token)
    return workspace_of_number(int(found["bot"] or found["user"] or found["app"])) if found else None


def make_bot_token(workspace: WorkspaceId, user: UserId) -> str:
    return f"xoxb-{number_of(workspace)}-{number_of(user)}-{secrets.token_hex(12)}"


def make_user_token(workspace: WorkspaceId, user: UserId) -> str:
    return f"xoxp-{number_of(workspace)}-{number_of(user)}-{10**11 + secrets.randbelow(9 * 10**11)}-{secrets.token_hex(16)}"


def make_app_token(workspace: WorkspaceId, app: AppId) -> str:
    return f"xapp-1-{app}-{number_of(workspace)}-{secrets.token_hex(32)}"


def _base36(number: int) -> str:
    digits = []
    while number:
        number, rest = divmod(number, 36)
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits))
