"""The flags as this cell last heard them, in its own database: what its processes obey until the control plane says otherwise."""

import hashlib

import msgspec
from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, SmallInteger, Table, Text, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from cells.runtime.tenancy.database import Database
from cells.runtime.tenancy.tables import runtime_metadata
from chassis.flags import FlagSet, Word

ONLY = 1
flags = Table(
    "flags",
    runtime_metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("registry_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("words", LargeBinary, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""The cell's, not a workspace's: it never travels."""

_words = msgspec.json.Decoder(tuple[Word, ...])


class FlagsRefused(Exception):
    """What is kept is not whole; the text says how."""


class KeptFlags:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> FlagSet | None:
        """None where none were ever kept. Raises FlagsRefused, NotExecuted."""
        async with self._database.upkeep() as connection:
            row = (await connection.execute(select(flags).where(flags.c.id == ONLY))).one_or_none()
        if row is None:
            return None
        if digest(row.words) != row.checksum:
            raise FlagsRefused("checksum does not match")
        try:
            return FlagSet(row.registry_id, row.version, _words.decode(row.words))
        except msgspec.MsgspecError as error:
            raise FlagsRefused(f"unreadable: {error}") from error

    async def keep(self, held: FlagSet) -> None:
        """Durable when it returns. An older version of the same registry, from a process that was slow, changes nothing."""
        words = msgspec.json.encode(held.words)
        row = {"registry_id": held.registry_id, "version": held.version, "words": words, "checksum": digest(words)}
        newer = or_(flags.c.registry_id != held.registry_id, flags.c.version < held.version)
        kept = insert(flags).values(id=ONLY, **row)
        changed = kept.on_conflict_do_update(index_elements=["id"], set_={**row, "taken_at": func.now()}, where=newer)
        async with self._database.upkeep() as connection:
            await connection.execute(changed)


def digest(words: bytes) -> bytes:
    return hashlib.sha256(words).digest()
