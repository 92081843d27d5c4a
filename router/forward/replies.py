"""What comes back from a cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

BODY_WHOLE_BYTES_MAX = 256 * 1024
"""Larger bodies travel by Carry. Source: tunnel.proto."""


class Body(Protocol):
    """A large body in chunks. Raises CellUnavailable where it was cut short. Whoever holds it calls `aclose()` in the end."""

    def __aiter__(self) -> "Body": ...

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None:
        """May be called at any time and more than once."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    """The whole body; empty when `rest` is set."""
    rest: Body | None = None
    """The body, when it is large."""
