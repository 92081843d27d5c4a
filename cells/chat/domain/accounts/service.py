from collections.abc import Callable
from dataclasses import dataclass, replace

from cells.chat.domain.addresses.planning import plan_report
from cells.chat.domain.audits.service import note
from cells.chat.domain.roles.audience import reach_changed
from cells.chat.domain.roles.role import Role
from cells.chat.domain.tokens.service import revoke_all
from cells.chat.domain.users.errors import CannotChangeBot, CannotChangeOwner
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.service import require_user
from cells.chat.domain.users.telling import tell_changed
from cells.chat.domain.users.user import User
from cells.runtime.log import Transaction
from chassis.identity import UserId


@dataclass(frozen=True, slots=True)
class Actor:
    """Who decides. The platform's operator, at the command line, may what an owner may."""

    user_id: str = "system"
    role: Role = Role.OWNER


@dataclass(frozen=True, slots=True)
class SwitchOff:
    """A change: the person's tokens die, their sockets end, everyone is told. Messages and memberships stay."""

    user_id: str
    actor: Actor

    async def apply(self, tx: Transaction) -> User:
        user = await _require_below(tx, self.user_id, self.actor)
        if user.deleted:
            return user
        user = await change_account(tx, user, lambda found: replace(found, deleted=True))
        await revoke_all(tx, user.user_id)
        await note(tx, self.actor.user_id, "user.deactivated", user.user_id)
        return user


@dataclass(frozen=True, slots=True)
class SwitchOn:
    """A change. The tokens from before stay dead."""

    user_id: str
    actor: Actor

    async def apply(self, tx: Transaction) -> User:
        user = await _require_below(tx, self.user_id, self.actor)
        if not user.deleted:
            return user
        user = await change_account(tx, user, lambda found: replace(found, deleted=False))
        await note(tx, self.actor.user_id, "user.reactivated", user.user_id)
        return user


@dataclass(frozen=True, slots=True)
class ChangeRole:
    user_id: str
    role: Role
    actor: Actor

    async def apply(self, tx: Transaction) -> User:
        user = await _require_below(tx, self.user_id, self.actor)
        if self.role.is_owner and not self.actor.role.is_owner:
            raise CannotChangeOwner
        if user.role is self.role:
            return user
        before = user.role
        user = await change_account(tx, user, lambda found: replace(found, role=self.role))
        await note(tx, self.actor.user_id, "user.role_changed", user.user_id, detail=f"{before} -> {self.role}")
        return user


async def change_account(tx: Transaction, user: User, change: Callable[[User], User]) -> User:
    """Store what became of the account and tell everyone."""
    before, user = user, replace(change(user), updated_us=tx.next_ts_us())
    await Users(tx.connection, tx.scope).change_account(user)
    await plan_report(tx)
    await tell_changed(tx, user)
    if before.role.is_guest != user.role.is_guest:
        tx.append(reach_changed(user.user_id, user.updated_us, full=not user.role.is_guest))
    return user


async def _require_below(tx: Transaction, user_id: str, actor: Actor) -> User:
    """Administrators decide about those who are no owners, owners about all but the primary one."""
    user = await require_user(tx.connection, tx.scope, UserId(user_id))
    if user.bot_id is not None:
        raise CannotChangeBot
    if user.role is Role.PRIMARY_OWNER or (user.role.is_owner and not actor.role.is_owner):
        raise CannotChangeOwner
    return user
