"""Wake-ups between the processes of a cell, and state that may be lost."""

from cells.runtime.bus.bus import Bus
from cells.runtime.bus.claims import Claims
from cells.runtime.bus.links import Link, LinkFull, SessionDoor

__all__ = ["Bus", "Claims", "Link", "LinkFull", "SessionDoor"]
