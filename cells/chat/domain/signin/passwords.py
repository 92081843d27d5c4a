"""Passwords: argon2id (RFC 9106; OWASP's second choice of costs: 19 MiB, 2 passes), in threads, few at a time."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cells.chat.domain.signin.errors import InvalidPassword, TooManyAttempts

LENGTH_MIN, LENGTH_MAX = 10, 256
AT_ONCE_MAX = 2
WAITING_MAX = 32
RETRY_AFTER_S = 2
_DIFFERENT_MIN = 4
R = TypeVar("R")


class Passwords:
    """One a process: at most 2 are hashed at once and 32 wait; more are refused with TooManyAttempts."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._nobodys = self._hasher.hash("nobody has this password")
        self._slots, self._waiting = asyncio.Semaphore(AT_ONCE_MAX), 0

    async def hash(self, password: str) -> str:
        """Raises InvalidPassword, TooManyAttempts."""
        require_strong(password)
        return await self._in_turn(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Takes as long where nothing is stored. Raises TooManyAttempts."""
        right = await self._in_turn(self._verified, stored or self._nobodys, password[:LENGTH_MAX])
        return right and stored is not None

    def _verified(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[..., R], *arguments: str) -> R:
        if self._waiting >= WAITING_MAX:
            raise TooManyAttempts(RETRY_AFTER_S)
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work, *arguments)
        finally:
            self._waiting -= 1


def require_strong(password: str) -> None:
    """Raises InvalidPassword."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise InvalidPassword(f"a password has {LENGTH_MIN} to {LENGTH_MAX} characters")
    if len(set(password)) < _DIFFERENT_MIN:
        raise InvalidPassword(f"a password has at least {_DIFFERENT_MIN} different characters")
