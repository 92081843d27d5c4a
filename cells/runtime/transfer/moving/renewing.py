"""Going on with a copy that was interrupted: what is here already is brought to a new moment, by the rows that changed meanwhile."""

from collections.abc import Sequence

from sqlalchemy import Table

from cells.runtime.log.tables import cursors
from cells.runtime.transfer.moving.bookmarks import WHOLE, Bookmark
from cells.runtime.transfer.moving.carrying import carry
from cells.runtime.transfer.moving.changes import following
from cells.runtime.transfer.moving.keyset import Part, among, among_arguments
from cells.runtime.transfer.moving.names import stream_of
from cells.runtime.transfer.moving.owner import Owner, url_of
from cells.runtime.transfer.moving.travelling import Key, quoted
from chassis.identity import WorkspaceId

TOLD_S_MAX = 300.0
KEYS_A_STATEMENT_MAX = 5_000


async def changed_since(source: str, slot: str, tables: tuple[Table, ...], bookmark: Bookmark, mark: str) -> set[tuple[str, Key]]:
    """Rows changed between the bookmark's moment and that of `mark`, as the slot kept them. Raises CannotMove where they are too many."""
    stream = stream_of(bookmark.move_id)
    async with following(url_of(source), f"{slot}_p", stream, tables, copied_from=slot, position=bookmark.position) as changes:
        await changes.await_mark(mark, 0, TOLD_S_MAX)
        return changes.take()


async def renew(
    reader: Owner,
    target: Owner,
    tables: tuple[Table, ...],
    workspace_id: WorkspaceId,
    bookmark: Bookmark,
    changed: set[tuple[str, Key]],
    position: str,
) -> int:
    """All or nothing, and the bookmark with it. Returns how many rows were copied again.

    Marks are not told one by one, so the few rows of `cursors` are copied anew.
    """
    bookmark.position = position
    copied = 0
    async with target.transaction():
        await target.execute("DELETE FROM cursors WHERE workspace_id = $1", workspace_id)
        bookmark.places.pop(cursors.name, None)
        for table in tables:
            keys = sorted(key for name, key in changed if name == table.name and name in bookmark.places)
            for start in range(0, len(keys), KEYS_A_STATEMENT_MAX):
                some = keys[start : start + KEYS_A_STATEMENT_MAX]
                copied += await _again(reader, target, table, workspace_id, bookmark.places[table.name], some)
        await bookmark.save(target)
    return copied


async def _again(reader: Owner, target: Owner, table: Table, workspace_id: WorkspaceId, place: Key, keys: Sequence[Key]) -> int:
    """Beyond `place` nothing is here yet, and nothing is brought."""
    named = among(table, 4)
    gone = Part(table)
    deleted = f"DELETE FROM {quoted(table)} WHERE {gone.where} AND {named}"
    await target.execute(deleted, *gone.arguments(workspace_id), *among_arguments(keys))
    here = Part(table, None, None if place == WHOLE else place)
    return await carry(reader, target, table, f"{here.where} AND {named}", *here.arguments(workspace_id), *among_arguments(keys))
