"""What is shown with a page of messages, asked once: threads, reactions, and how many messages of the channel are pinned."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.messages.message import Thread
from cells.chat.domain.reactions.reaction import Reaction
from cells.runtime.tenancy import Prepared, TenantScope

PEOPLE_SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Hanging:
    threads: dict[int, Thread] = field(default_factory=dict)
    """By first message, of those that have replies."""
    reactions: dict[int, list[Reaction]] = field(default_factory=dict)
    """By message; the first emoji first."""
    pinned: int = 0


async def hanging(
    connection: AsyncConnection, scope: TenantScope, channel_id: str, ts_us: Sequence[int], root_us: Sequence[int]
) -> Hanging:
    """`ts_us` are the messages of the page, `root_us` those that may have a thread."""
    first_us = min(root_us, default=0)
    values = {"w": scope.workspace_id, "c": channel_id, "ts": list(ts_us), "roots": list(root_us), "first": first_us}
    threads: dict[int, Thread] = {}
    reactions: dict[int, list[Reaction]] = {}
    pinned = 0
    for what, at_us, name, people, count, latest_us, _ in await _HANGING_OF.fetch(connection, values):
        if what == "thread":
            threads[at_us] = Thread(count, latest_us, tuple(people[:PEOPLE_SHOWN_MAX]), len(people))
        elif what == "reaction":
            reactions.setdefault(at_us, []).append(Reaction(name, tuple(people)))
        else:
            pinned = count
    return Hanging(threads, reactions, pinned)


_HANGING = text(
    "SELECT 'reaction' AS what, ts_us, name, array_agg(user_id ORDER BY created_us, user_id) AS people, count(*) AS count,"
    " 0::bigint AS latest, min(created_us) AS since FROM reactions"
    " WHERE workspace_id = :w AND channel_id = :c AND ts_us = ANY(CAST(:ts AS bigint[])) GROUP BY ts_us, name"
    " UNION ALL SELECT 'thread', thread_us, '', array_agg(DISTINCT user_id), count(*), max(ts_us), 0 FROM messages"
    " WHERE workspace_id = :w AND channel_id = :c AND thread_us = ANY(CAST(:roots AS bigint[])) AND ts_us > :first AND deleted_us IS NULL"
    " GROUP BY thread_us"
    " UNION ALL SELECT 'pinned', 0, '', NULL, count(*), 0, 0 FROM pins WHERE workspace_id = :w AND channel_id = :c"
    " ORDER BY ts_us, since"
)
_HANGING_OF = Prepared(_HANGING)
