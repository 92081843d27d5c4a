"""Wake-ups between the processes of a cell, and state that may be lost."""

from cells.runtime.bus.bus import Bus
from cells.runtime.bus.claims import Claims
from cells.runtime.bus.ephemeral import Ephemeral, Ephemerals
from cells.runtime.bus.links import Link, LinkFull, SessionDoor
from cells.runtime.bus.remembered import Remembered
from cells.runtime.bus.shared import Shared

__all__ = ["Bus", "Claims", "Ephemeral", "Ephemerals", "Link", "LinkFull", "Remembered", "SessionDoor", "Shared"]
