"""Who calls: the cluster itself, or an administrator by a token of their own."""

import hmac
from dataclasses import dataclass
from typing import Any

import grpc
import structlog

from control_plane.registry import DATABASE_AWAY, Registry

ADMIN_METHODS = "/protos.admin.v1."
ACTOR_KEY = "waggle-actor"
"""Metadata with which the CLI says who typed; believed only from the holder of the cluster's credential."""

ACTOR_CHARACTERS_MAX = 100
TOKEN_PREFIX, TOKEN_CHARACTERS = "wadm-", 69

log = structlog.get_logger("control_plane.callers")


@dataclass(frozen=True, slots=True)
class Callers:
    registry: Registry
    credential: str

    async def recognise(self, method: str, token: str) -> bool:
        """For chassis.rpc: an administrator's token opens what administrators ask for, and nothing else."""
        if not method.startswith(ADMIN_METHODS) or not _shaped(token):
            return False
        try:
            return await self.registry.tokens.name_of(token) is not None
        except DATABASE_AWAY as error:
            log.warning("database_away", error=repr(error))
            return False

    async def actor(self, context: grpc.aio.ServicerContext[Any, Any]) -> str:
        """`cluster`, `cluster:root@host` or `token:NAME`; for the audit."""
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        token = metadata.get("authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(token.encode(), self.credential.encode()):
            said = metadata.get(ACTOR_KEY, "")[:ACTOR_CHARACTERS_MAX]
            return f"cluster:{said}" if said else "cluster"
        return f"token:{await self.registry.tokens.name_of(token) or '?'}"


def _shaped(token: str) -> bool:
    return token.startswith(TOKEN_PREFIX) and len(token) == TOKEN_CHARACTERS
