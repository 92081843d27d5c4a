"""What is said now to whoever listens now: to this process's sockets at once, to other processes through Redis. Never kept.

Lossy by definition: with Redis away it reaches this process alone, and whatever is slow loses it first.
"""

from collections.abc import Callable

import msgspec
import structlog

from cells.runtime.bus.bus import Bus

TOPIC = "ephemeral"
TEXT_CHARACTERS_MAX = 16_384


class Ephemeral(msgspec.Struct, array_like=True, frozen=True):
    """A text for every session in any of `groups`, those in any of `without` left out."""

    workspace_id: str
    groups: tuple[str, ...]
    text: str
    without: tuple[str, ...] = ()
    key: str = ""
    """Where several with the same key wait for a slow link, the last one stands for all."""
    pieces: tuple[tuple[str, str], ...] = ()
    """By group. Where there are any, each session hears `text` with, in its first `[]`, the pieces of those groups it is in."""


Listener = Callable[[Ephemeral], None]


class Ephemerals:
    """One a process. `tell` returns at once, whatever Redis does."""

    def __init__(self, bus: Bus | None) -> None:
        self._bus = bus
        self._listener: Listener | None = None
        if bus is not None:
            bus.subscribe(TOPIC, self._hear)

    def listen(self, listener: Listener) -> None:
        """One listener a process: its gateway. Called on the loop; must not block or raise."""
        self._listener = listener

    def tell(self, said: Ephemeral, *, here: bool = False) -> bool:
        """What has a key is the state of something: with Redis away nobody is told, rather than those alone who are in this process.

        `here`: meant for those alone. False: nobody was told.
        """
        if len(said.text) + sum(len(piece) for _, piece in said.pieces) > TEXT_CHARACTERS_MAX:
            raise ValueError(f"{len(said.text)} characters are more than an ephemeral may have ({TEXT_CHARACTERS_MAX})")
        if said.key and self._bus is not None and not self._bus.connected:
            return False
        if self._listener is not None:
            self._listener(said)
        if self._bus is not None and not here:
            self._bus.offer(TOPIC, msgspec.msgpack.encode(said))
        return True

    def _hear(self, body: bytes) -> None:
        try:
            said = msgspec.msgpack.decode(body, type=Ephemeral)
        except msgspec.DecodeError:
            structlog.get_logger("bus").warning("an ephemeral that cannot be read was dropped")
            return
        if self._listener is not None:
            self._listener(said)
