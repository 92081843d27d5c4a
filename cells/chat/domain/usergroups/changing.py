"""Changing a user group: what it is called, what it is for, whether it is in use."""

from dataclasses import dataclass, replace

from cells.chat.domain.usergroups.errors import GroupNameTaken, HandleTaken, NoSuchUserGroup
from cells.chat.domain.usergroups.events import subteam_updated
from cells.chat.domain.usergroups.repository import UserGroups
from cells.chat.domain.usergroups.service import checked_description, checked_handle, checked_name, require_channels
from cells.chat.domain.usergroups.usergroup import UserGroup
from cells.runtime.log import Transaction
from chassis.identity import UserId


@dataclass(frozen=True, slots=True)
class UpdateUserGroup:
    """None leaves a part as it is."""

    usergroup_id: str
    user_id: UserId
    name: str | None = None
    handle: str | None = None
    description: str | None = None
    channels: tuple[str, ...] | None = None

    async def apply(self, tx: Transaction) -> UserGroup:
        before = await _require_group(tx, self.usergroup_id)
        after = replace(
            before,
            name=before.name if self.name is None else checked_name(self.name),
            handle=before.handle if self.handle is None else checked_handle(self.handle),
            description=before.description if self.description is None else checked_description(self.description),
            channels=before.channels if self.channels is None else ",".join(self.channels),
        )
        await self._require_free(tx, before, after)
        if self.channels is not None:
            await require_channels(tx, self.user_id, self.channels)
        return await _stored(tx, before, after, self.user_id)

    @staticmethod
    async def _require_free(tx: Transaction, before: UserGroup, after: UserGroup) -> None:
        groups = UserGroups(tx.connection, tx.scope)
        if after.name.lower() != before.name.lower() and await groups.name_taken(after.name):
            raise GroupNameTaken
        if after.handle != before.handle and await groups.handle_taken(after.handle):
            raise HandleTaken


@dataclass(frozen=True, slots=True)
class SwitchUserGroup:
    """Off, or on again: a group that is off keeps its users, its name and its handle."""

    usergroup_id: str
    user_id: UserId
    on: bool

    async def apply(self, tx: Transaction) -> UserGroup:
        before = await _require_group(tx, self.usergroup_id)
        if self.on:
            return await _stored(tx, before, replace(before, deleted_us=0, deleted_by=""), self.user_id)
        if before.deleted_us:
            return before
        return await _stored(tx, before, replace(before, deleted_us=tx.next_ts_us(), deleted_by=self.user_id), self.user_id)


async def _require_group(tx: Transaction, usergroup_id: str) -> UserGroup:
    group = await UserGroups(tx.connection, tx.scope).get(usergroup_id)
    if group is None:
        raise NoSuchUserGroup
    return group


async def _stored(tx: Transaction, before: UserGroup, after: UserGroup, user_id: UserId) -> UserGroup:
    """Nothing is said where nothing changes."""
    if after == before:
        return before
    after = replace(after, updated_by=user_id, updated_us=after.deleted_us or tx.next_ts_us())
    await UserGroups(tx.connection, tx.scope).change(after)
    tx.append(subteam_updated(after, tx.scope.workspace_id))
    return after
