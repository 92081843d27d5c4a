"""What a move's objects in a database are called, so that a census finds every one of them."""

import re

from cells.runtime.transfer.moving.errors import CannotMove

PREFIX = "waggle_mv_"
MARKS = "move:"
"""Rows of `cursors` that begin so are a move's, and no part of the workspace."""
_MOVE = re.compile(r"mv_[0-9a-f]{12}")


def stream_of(move_id: str) -> str:
    """The one name that its publication and subscription share in either cell. Raises CannotMove."""
    if not _MOVE.fullmatch(move_id):
        raise CannotMove(f"not a move's id: {move_id[:40]!r}")
    return f"waggle_{move_id}"


def slot_of(move_id: str, publisher: str) -> str:
    """The slot, and the role that reads it. Both are the whole server's, which two cells may share: hence the database in the name."""
    return f"{stream_of(move_id)}_{_word(publisher)}"


def readers_of(publisher: str) -> str:
    """The role whose rights the roles of all moves have in that database."""
    return f"waggle_readers_{_word(publisher)}"


def mark_of(move_id: str) -> str:
    """The row of `cursors` that goes through the stream."""
    return f"{MARKS}{move_id}"


def _word(database: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", database.lower())[:30]
