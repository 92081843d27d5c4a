"""Seeing files, taking them back, showing them to the world."""

import secrets
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.files.due import doom, forgive
from cells.chat.domain.files.errors import CantDeleteFile, FileDeleted, FileNotFound, NotAllowed
from cells.chat.domain.files.events import audience_of, told
from cells.chat.domain.files.file import File, FileState, Media
from cells.chat.domain.files.repository import Files, Shares, Texts
from cells.chat.domain.roles.actions import Action, may
from cells.chat.domain.roles.role import Role
from cells.runtime.log import Transaction
from cells.runtime.tenancy import TenantScope
from chassis.identity import UserId


@dataclass(frozen=True, slots=True)
class Viewer:
    user_id: UserId
    role: Role

    @property
    def sees_public(self) -> bool:
        """Guests know of nothing but what they are in."""
        return not self.role.is_guest


async def require_seen(connection: AsyncConnection, scope: TenantScope, file_id: str, viewer: Viewer) -> File:
    """The file, if the user may see it at this moment. FileDeleted tells of its end whoever put it up; for all others it never was."""
    files = Files(connection, scope)
    file = await files.get(file_id)
    if file is not None and file.state is FileState.DELETED and file.user_id == viewer.user_id:
        raise FileDeleted
    if file is None or file.state is not FileState.READY:
        raise FileNotFound
    if not await files.visible([file_id], viewer.user_id, sees_public=viewer.sees_public):
        raise FileNotFound
    return file


@dataclass(frozen=True, slots=True)
class DeleteFile:
    """A change: nobody gets it from here on; a worker removes the bytes."""

    file_id: str
    viewer: Viewer

    async def apply(self, tx: Transaction) -> None:
        file = await require_seen(tx.connection, tx.scope, self.file_id, self.viewer)
        if file.user_id != self.viewer.user_id and not may(self.viewer.role, Action.DELETE_FILE_OF_OTHERS):
            raise CantDeleteFile
        await remove_file(tx, file, tx.next_ts_us())


async def remove_file(tx: Transaction, file: File, now_us: int) -> None:
    """Whatever state it is in. Who could see a file that was complete is told."""
    files, shares = Files(tx.connection, tx.scope), Shares(tx.connection, tx.scope)
    seen_by = audience_of(file, (await shares.of([file.file_id])).get(file.file_id, []))
    await doom(tx, file.keys, now_us)
    await files.put(replace(file, state=FileState.DELETED, object_key="", public_secret="", preview="", media=Media(), expires_us=0))
    if file.object_key:
        await files.change_used(-file.size)
    await shares.remove_all(file.file_id)
    await forgive(tx, file.file_id)
    await Texts(tx.connection, tx.scope).remove(file.file_id)
    if file.state is FileState.READY:
        tx.append(told("file_deleted", file, seen_by, now_us))


@dataclass(frozen=True, slots=True)
class MakePublic:
    """A change: whoever has the address gets the file. Asked again, the address stays."""

    file_id: str
    viewer: Viewer

    async def apply(self, tx: Transaction) -> File:
        file = await require_seen(tx.connection, tx.scope, self.file_id, self.viewer)
        if file.user_id != self.viewer.user_id or file.scan.withheld:
            raise NotAllowed
        if file.public_secret:
            return file
        return await _expose(tx, file, secrets.token_hex(16), "file_public")


@dataclass(frozen=True, slots=True)
class RevokePublic:
    """A change: the address ends; asked again, nothing happens."""

    file_id: str
    viewer: Viewer

    async def apply(self, tx: Transaction) -> File:
        file = await require_seen(tx.connection, tx.scope, self.file_id, self.viewer)
        if file.user_id != self.viewer.user_id and not may(self.viewer.role, Action.DELETE_FILE_OF_OTHERS):
            raise FileNotFound
        return await _expose(tx, file, "", "file_change") if file.public_secret else file


async def _expose(tx: Transaction, file: File, secret: str, kind: str) -> File:
    changed = replace(file, public_secret=secret)
    await Files(tx.connection, tx.scope).put(changed)
    shares = (await Shares(tx.connection, tx.scope).of([file.file_id])).get(file.file_id, [])
    tx.append(told(kind, changed, audience_of(file, shares), tx.next_ts_us()))
    return changed
