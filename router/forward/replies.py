"""What comes back from a cell."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

BODY_WHOLE_BYTES_MAX = 256 * 1024
"""Larger bodies travel by Carry. Source: tunnel.proto."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    """The whole body; empty when `rest` is set."""
    rest: AsyncGenerator[bytes, None] | None = None
    """The body in chunks, when it is large. Whoever holds the reply iterates it to its end or calls `aclose()`;
    it raises CellUnavailable where the body was cut short."""
