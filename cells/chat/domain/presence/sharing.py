"""Presence in Redis: for each user a hash of what every process knows, and the word last told. All of it may be lost.

A marker says since when Redis remembers: after a restart the processes write their shares again, and until each has had
the time, a user of whom nothing is known may well be here.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from cells.chat.domain.presence.presence import FRESH_S, Share

KEPT_S = 900
"""Beyond the time to auto-away, so that the last activity outlives the session it was seen on."""
BORN = "presence:born"
BORN_KEPT_S = 86_400

Command = Sequence[str | int | bytes]


class Asking(Protocol):
    async def ask(self, commands: Sequence[Command]) -> list[object] | None:
        """The answers in order, or None soon where there are none."""


def shares_key(workspace_id: str, user_id: str) -> str:
    return f"presence:{workspace_id}:{user_id}"


def said_key(workspace_id: str, user_id: str) -> str:
    return f"presence-said:{workspace_id}:{user_id}"


def writing(workspace_id: str, user_id: str, process: str, share: Share) -> list[Command]:
    key, value = shares_key(workspace_id, user_id), f"{share.sessions} {share.active_us} {share.written_us} {int(share.automatic)}"
    return [("HSET", key, process, value), ("EXPIRE", key, KEPT_S)]


def reading(workspace_id: str, user_id: str) -> Command:
    return ("HGETALL", shares_key(workspace_id, user_id))


def telling(workspace_id: str, user_id: str, word: str) -> list[Command]:
    """The first answer is the word told before."""
    key = said_key(workspace_id, user_id)
    return [("GETSET", key, word), ("EXPIRE", key, KEPT_S)]


def marking(now_us: int) -> list[Command]:
    """The last answer is the time since when Redis remembers, in microseconds."""
    return [("SET", BORN, now_us, "NX", "EX", BORN_KEPT_S), ("GET", BORN)]


def shares_in(found: object) -> dict[str, Share]:
    """By process; what cannot be read is passed over."""
    shares = {}
    for process, value in found.items() if isinstance(found, Mapping) else ():
        parts = value.decode().split(" ")
        if len(parts) == len(Share.__slots__) and all(part.isdigit() for part in parts):
            sessions, active_us, written_us, automatic = map(int, parts)
            shares[process.decode()] = Share(sessions, active_us, written_us, bool(automatic))
    return shares


def is_rebuilding(born: object, now_us: int) -> bool:
    return not isinstance(born, bytes) or now_us - int(born) < FRESH_S * 500_000
