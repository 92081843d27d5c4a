"""Whom `<!here>` calls: those who are active as it is said, and nobody who comes later."""

from dataclasses import replace

from cells.chat.domain.mentions.parsing import HERE, mentions_of
from cells.chat.domain.messages.posting import PostMessage
from cells.chat.domain.presence.keeper import Presences
from cells.runtime.workload import Tenant


async def with_called(presences: Presences, tenant: Tenant, post: PostMessage) -> PostMessage:
    """Where nobody knows who is active, all members are called: rather too many than none."""
    if HERE not in mentions_of(post.text, post.extras):
        return post
    return replace(post, active=await presences.active_in(tenant))
