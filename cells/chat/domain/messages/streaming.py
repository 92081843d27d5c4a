"""Messages that grow while people read them: a bot starts one, appends to it, stops it.

Each step is told as `message_changed`. It is no edit: no version is kept, and `edited` is not set.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cells.chat.domain.channels.channel import ChannelKind, Standing
from cells.chat.domain.channels.errors import ChannelArchived, NotInChannel
from cells.chat.domain.messages.editing import STREAMING, carried_of, merged, private_of, store_edit
from cells.chat.domain.messages.errors import ChannelTypeNotSupported, NotOwnStream, NotStreaming
from cells.chat.domain.messages.events import PRIVATE, changed, message_face
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.posting import PostMessage, require_place
from cells.chat.domain.messages.service import checked_text, require_message
from cells.runtime.log import Transaction
from chassis.identity import UserId

TASKS_MAX = 50


@dataclass(frozen=True, slots=True)
class StartStream:
    post: PostMessage
    tasks: tuple[Mapping[str, Any], ...] = ()

    async def apply(self, tx: Transaction) -> dict[str, Any]:
        place = await require_place(tx, self.post.channel_id, self.post.user_id)
        if self.post.thread_us is None and place.kind is not ChannelKind.IM:
            raise ChannelTypeNotSupported
        kept = merged(self.post.extras, {PRIVATE: {STREAMING: True}, "blocks": list(self.tasks)})
        posted = await replace(self.post, extras=kept).apply(tx)
        return posted.face


@dataclass(frozen=True, slots=True)
class GrowStream:
    """Append to it; with `stop` it is over, and blocks and metadata may be given."""

    channel_id: str
    ts_us: int
    user_id: UserId
    more: str
    tasks: tuple[Mapping[str, Any], ...] = ()
    """Blocks of tasks, by their `task_id`: a task said again replaces what was said of it."""
    stop: bool = False
    carried: Mapping[str, Any] | None = None

    async def apply(self, tx: Transaction) -> dict[str, Any]:
        standing, before = await require_message(tx, self.channel_id, self.ts_us, self.user_id)
        self._check(standing, before)
        changes = {**self._blocks(before), **(self.carried or {})}
        if self.stop:
            changes[PRIVATE] = {name: value for name, value in private_of(before).items() if name != STREAMING}
        after = replace(before, text=before.text + self.more, extras=merged(before.extras, changes))
        checked_text(after.text, "")
        now_us = tx.next_ts_us()
        await store_edit(tx, before, after)
        tx.append(changed(before, after, tx.scope.workspace_id, now_us))
        return message_face(after, tx.scope.workspace_id)

    def _check(self, standing: Standing, before: Message) -> None:
        if before.user_id != self.user_id:
            raise NotOwnStream
        if not private_of(before).get(STREAMING):
            raise NotStreaming
        if not standing.is_member:
            raise NotInChannel
        if standing.channel.archived:
            raise ChannelArchived

    def _blocks(self, before: Message) -> dict[str, Any]:
        if not self.tasks:
            return {}
        there = {block.get("task_id") or block["block_id"]: block for block in carried_of(before).get("blocks", [])}
        there |= {task["task_id"]: {**there.get(task["task_id"], {}), **task} for task in self.tasks}
        return {"blocks": list(there.values())[:TASKS_MAX]}
