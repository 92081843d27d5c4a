"""Every table of chat hangs on this MetaData; the runtime moves, checks and isolates what it finds here."""

from sqlalchemy import MetaData

CHAT = MetaData()
