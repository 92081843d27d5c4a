"""What an administrator says of flags, and how far it has come."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis.flags import GLOBAL_ONLY, WHAT_STOPS, Effect, Flag, Word, effect_of
from control_plane.registry import Cell, CellState, FlagRow, Registry, RouterSeen
from control_plane.serving.acknowledgements import Acknowledgements
from control_plane.serving.refusals import InvalidRequest

REACH_S_MAX = 2.0
LOOK_S = 0.05
REASON_CHARACTERS_MAX = 300
REFERENCE_CHARACTERS_MAX = 100


@dataclass(frozen=True, slots=True)
class Reach:
    """Who obeys a version of the flags, of those that were heard of lately."""

    version: int
    processes: int
    behind: tuple[str, ...]
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class FlagDesk:
    registry: Registry
    acknowledgements: Acknowledgements

    async def word(self, name: str, cell: str, workspace: str, *, on: bool) -> Word:
        """Raises InvalidRequest, CellUnknown, WorkspaceUnknown."""
        flag, (cell, workspace_id) = known(name), await self._scope(cell, workspace)
        if flag in GLOBAL_ONLY and (cell or workspace_id):
            raise InvalidRequest(f"{flag} belongs to no cell and to no workspace; set it for everything")
        return Word(flag, on, cell, workspace_id)

    async def set(self, word: Word, reason: str, actor: str) -> Reach:
        """Said and kept when it returns, obeyed by all that are not named in the answer. Raises InvalidRequest, TooManyFlags."""
        if len(reason) > REASON_CHARACTERS_MAX or not reason.isprintable():
            raise InvalidRequest(f"a reason is one line of at most {REASON_CHARACTERS_MAX} characters")
        return await self._reached(await self.registry.flags.set(word, reason, actor))

    async def clear(self, word: Word) -> Reach:
        """Raises FlagUnset."""
        return await self._reached(await self.registry.flags.clear(word.name, word.cell, word.workspace_id))

    async def shown(self, word: Word, reason: str, actor: str) -> FlagRow:
        """As `list` shows it."""
        name = (await self.registry.workspaces.require(word.workspace_id)).subdomain if word.workspace_id else ""
        return FlagRow(word, reason, actor, datetime.now(UTC), name)

    async def effects(self, cell: str, workspace: str, rows: Sequence[FlagRow]) -> list[tuple[Flag, Effect]]:
        """Of every flag, for the scope asked about; a workspace is asked about in the cell that it lives in."""
        cell, workspace_id = await self._scope(cell, workspace)
        if workspace_id:
            cell = (await self.registry.workspaces.require(workspace_id)).cell
        words = [row.word for row in rows]
        return [(flag, effect_of(words, flag, cell=cell, workspace_id=workspace_id)) for flag in Flag]

    async def reach(self) -> Reach:
        return await self._look(await self.registry.flags.version())

    async def _reached(self, version: int) -> Reach:
        """Once nobody is behind, or after 2 s."""
        began_s = time.monotonic()
        while True:
            seen, took_s = await self._look(version), time.monotonic() - began_s
            if not seen.behind or took_s >= REACH_S_MAX:
                return Reach(version, seen.processes, seen.behind, took_s * 1000)
            await asyncio.sleep(LOOK_S)

    async def _look(self, version: int) -> Reach:
        return reach_of(version, await self.registry.cells.list(), await self.acknowledgements.everywhere(self.registry))

    async def _scope(self, cell: str, workspace: str) -> tuple[str, str]:
        if cell and workspace:
            raise InvalidRequest("a word is said of a cell or of a workspace, not of both")
        if cell:
            return (await self.registry.cells.require(cell[:REFERENCE_CHARACTERS_MAX])).name, ""
        if workspace:
            return "", (await self.registry.workspaces.require(workspace[:REFERENCE_CHARACTERS_MAX])).id
        return "", ""


def reach_of(version: int, cells: Sequence[Cell], routers: Sequence[RouterSeen]) -> Reach:
    """Processes that are silent are not counted: they obey what they kept, and hear the rest when they are back."""
    living = [process for cell in cells if cell.state != CellState.RETIRED for process in cell.processes if process.healthy]
    behind: list[str] = [process.process_id for process in living if process.flags_version < version]
    behind += [f"router {router.router_id}" for router in routers if router.version < version]
    return Reach(version, len(living) + len(routers), tuple(behind))


def known(name: str) -> Flag:
    """Raises InvalidRequest."""
    try:
        return Flag(name)
    except ValueError:
        raise InvalidRequest(f"there is no flag {name[:40]!r}; there are: {', '.join(sorted(WHAT_STOPS))}") from None


def scope_of(word: Word) -> str:
    return "workspace" if word.workspace_id else "cell" if word.cell else "global"
