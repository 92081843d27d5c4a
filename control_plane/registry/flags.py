"""What operators said of flags: rows, and the directory's version as theirs, so that each change reaches who follows the directory."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.flags import FLAGS_MAX, Word
from control_plane.registry.errors import FlagUnset, TooManyFlags
from control_plane.registry.tables import directory, flags, workspaces
from control_plane.registry.versions import next_version, word_of


@dataclass(frozen=True, slots=True)
class FlagRow:
    word: Word
    reason: str
    set_by: str
    set_at: datetime
    workspace: str = ""
    """The name of the workspace that the word is of."""


class Flags:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def set(self, word: Word, reason: str, set_by: str) -> int:
        """The new version; what was said of the same scope before is replaced. Raises TooManyFlags."""
        key = {"name": word.name, "cell": word.cell, "workspace_id": word.workspace_id}
        values = {"is_on": word.on, "reason": reason, "set_by": set_by, "set_at": func.clock_timestamp()}
        async with self._engine.begin() as connection:
            version = await _raised(connection)
            said = insert(flags).values(**key, **values)
            await connection.execute(said.on_conflict_do_update(index_elements=list(key), set_=values))
            if (await connection.execute(select(func.count()).select_from(flags))).scalar_one() > FLAGS_MAX:
                raise TooManyFlags(f"{FLAGS_MAX} words are said of flags; clear some first: waggle flag list")
            return version

    async def clear(self, name: str, cell: str, workspace_id: str) -> int:
        """The new version. Raises FlagUnset where nothing was said."""
        found = and_(flags.c.name == name, flags.c.cell == cell, flags.c.workspace_id == workspace_id)
        async with self._engine.begin() as connection:
            version = await _raised(connection)
            if (await connection.execute(delete(flags).where(found))).rowcount != 1:
                raise FlagUnset(f"{name} is not set there; waggle flag list shows what is")
            return version

    async def list(self) -> tuple[FlagRow, ...]:
        """In order of name, the widest scope first."""
        wanted = select(flags, workspaces.c.subdomain).select_from(flags.outerjoin(workspaces, workspaces.c.id == flags.c.workspace_id))
        async with self._engine.connect() as connection:
            rows = (await connection.execute(wanted.order_by(flags.c.name, flags.c.workspace_id, flags.c.cell))).all()
        return tuple(FlagRow(word_of(row), row.reason, row.set_by, row.set_at, row.subdomain or "") for row in rows)

    async def version(self) -> int:
        async with self._engine.connect() as connection:
            return int((await connection.execute(select(directory.c.flags_version))).scalar_one())


async def _raised(connection: AsyncConnection) -> int:
    version = await next_version(connection)
    await connection.execute(update(directory).values(flags_version=version))
    return version
