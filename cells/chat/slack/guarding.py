"""What stands between a client and the channel it floods; the domain's guard, or nothing."""

from typing import Protocol

from cells.chat.domain.abuse.errors import Flooding
from cells.chat.domain.abuse.guard import Said
from cells.chat.domain.messages.posting import PostMessage
from cells.chat.domain.plans.errors import MessageLimitExceeded
from cells.runtime.workload import Tenant

GUARD_ERRORS = (Flooding, MessageLimitExceeded)


class Guarding(Protocol):
    async def admit(self, tenant: Tenant, said: Said) -> None:
        """Raises each of `GUARD_ERRORS`, and SlowDown."""


class Unguarded:
    async def admit(self, tenant: Tenant, said: Said) -> None:
        """Everyone says what they like."""


async def admit(guard: Guarding, tenant: Tenant, post: PostMessage) -> None:
    await guard.admit(tenant, Said(post.user_id, post.text, post.extras, post.retry_key))
