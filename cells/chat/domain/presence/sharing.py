"""Presence in Redis: for each user a hash of what every process knows, and the word last told. All of it may be lost.

A marker says since when Redis remembers: after a restart the processes write their shares again, and until each has had
the time, a user of whom nothing is known may well be here.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cells.chat.domain.presence.presence import FRESH_S, Share

KEPT_S = 900
"""Beyond the time to auto-away, so that the last activity outlives the session it was seen on."""
BORN = "presence:born"
BORN_KEPT_S = 86_400

ON_ITS_WAY_S = 1.0
"""So long after a word was swapped, it may yet be heard of from who did."""

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
    commands: list[Command] = [("HSET", key, process, value), ("EXPIRE", key, KEPT_S)]
    if share.sessions:
        here = here_key(workspace_id)
        commands += [("ZADD", here, share.written_us, user_id), ("EXPIRE", here, KEPT_S)]
    return commands


def here_key(workspace_id: str) -> str:
    return f"presence-here:{workspace_id}"


def gathering(workspace_id: str, now_us: int) -> list[Command]:
    """The last answer is everyone whom a process has spoken for of late."""
    key, since_us = here_key(workspace_id), now_us - FRESH_S * 1_000_000
    return [("ZREMRANGEBYSCORE", key, "-inf", f"({since_us}"), ("ZRANGE", key, 0, -1)]


def reading(workspace_id: str, user_id: str) -> Command:
    return ("HGETALL", shares_key(workspace_id, user_id))


@dataclass(frozen=True, slots=True)
class Told:
    """The word last told of a user, and the attempt of the process that told it."""

    word: str
    attempt: str

    def on_its_way(self, at_us: int) -> bool:
        """Whether the attempt that swapped it is so young that what it says may not have arrived."""
        swapped_us = self.attempt.rpartition("-")[2]
        return swapped_us.isdigit() and at_us - int(swapped_us) < ON_ITS_WAY_S * 1_000_000


def attempt_of(process: str, at_us: int) -> str:
    """Never given twice; says when, by Redis' own time."""
    return f"{process}-{secrets.token_hex(4)}-{at_us}"


_TELL = """
local held = redis.call('GET', KEYS[1])
local at, attempt = ARGV[2], ARGV[3]
if held then
  local word, by, seen = string.match(held, '^(%S+) (%S+) (%d+)$')
  if seen and tonumber(seen) > tonumber(at) then return held end
  if word == ARGV[1] then attempt = by end
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. attempt .. ' ' .. at, 'EX', ARGV[4])
return held
"""


_READ_MANY = """
local found, number = {}, 0
for user in string.gmatch(ARGV[2], '%S+') do
  local hash = redis.call('HGETALL', ARGV[1] .. user)
  if #hash > 0 then found[#found + 1] = {number, hash} end
  number = number + 1
end
return found
"""


def reading_many(workspace_id: str, user_ids: Sequence[str]) -> Command:
    """Thousands at once, in one argument: only those of whom something is known are answered, by their place in `user_ids`."""
    return ("EVAL", _READ_MANY, 0, shares_key(workspace_id, ""), " ".join(user_ids))


def shares_among(found: object) -> dict[int, dict[str, Share]]:
    """By place; what cannot be read is passed over."""
    many = found if isinstance(found, list) else ()
    return {number: shares_in(dict(zip(hash_[::2], hash_[1::2], strict=False))) for number, hash_ in many}


def telling(workspace_id: str, user_id: str, word: str, at_us: int, attempt: str) -> Command:
    """The answer is what was told before. `at_us` is Redis' own time at which the look read what the word comes from: a look
    that is overtaken by a later one, or arrives late at a Redis that hung, changes nothing. A word that stands keeps its attempt.
    """
    return ("EVAL", _TELL, 1, said_key(workspace_id, user_id), word, at_us, attempt, KEPT_S)


def told_in(found: object, at_us: int) -> Told | None:
    """None where nothing was told. Raises Overtaken where a later look has told or stood by a word."""
    if not isinstance(found, bytes):
        return None
    parts = found.decode().split(" ")
    if len(parts) == 3 and int(parts[2]) > at_us:
        raise Overtaken
    return Told(parts[0], parts[1] if len(parts) == 3 else "")


class Overtaken(Exception):
    """Somebody has looked later, and it is for them to tell."""


def redis_time_us(found: object) -> int:
    """Of the answer to TIME."""
    if not isinstance(found, Sequence) or len(found) != 2:
        raise TypeError(f"not a time of Redis: {found!r}")
    return int(found[0]) * 1_000_000 + int(found[1])


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
