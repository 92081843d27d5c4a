"""chat.unfurl: an app says what a link in a message leads to; it is shown as one more attachment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cells.chat.domain.blocks.attachments import numbered
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.messages.editing import carried_of, merged, store_edit
from cells.chat.domain.messages.errors import CannotFindChannel, CannotFindMessage, CannotUnfurlUrl
from cells.chat.domain.messages.events import changed
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.repository import Messages
from cells.runtime.log import Transaction
from chassis.identity import AppId


@dataclass(frozen=True, slots=True)
class Unfurl:
    """A change; the same link again is shown as it was said last. It is no edit: `edited` stays, no version is kept."""

    channel_id: str
    ts_us: int
    user_id: str
    app_id: AppId | None
    unfurls: Mapping[str, dict[str, Any]]
    """An attachment for each link."""

    async def apply(self, tx: Transaction) -> None:
        before = await self._require(tx)
        if any(url not in before.text for url in self.unfurls):
            raise CannotUnfurlUrl
        after = replace(before, extras=merged(before.extras, {"attachments": self._attachments(before)}))
        now_us = tx.next_ts_us()
        await store_edit(tx, before, after)
        tx.append(changed(before, after, tx.scope.workspace_id, now_us))

    async def _require(self, tx: Transaction) -> Message:
        standing = await Channels(tx.connection, tx.scope).get(self.channel_id, self.user_id)
        if standing is None or not standing.is_member:
            raise CannotFindChannel
        message = await Messages(tx.connection, tx.scope).get(self.channel_id, self.ts_us)
        if message is None:
            raise CannotFindMessage
        return message

    def _attachments(self, before: Message) -> list[dict[str, Any]]:
        shown = {"is_app_unfurl": True, "app_unfurl_url": "", "app_id": self.app_id}
        there = [one for one in carried_of(before).get("attachments", []) if one.get("from_url") not in self.unfurls]
        fresh = [{**one, **shown, "app_unfurl_url": url, "from_url": url} for url, one in self.unfurls.items()]
        return numbered([*there, *fresh])
