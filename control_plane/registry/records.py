"""Who did what (audit), who may (admin tokens), and which routers were heard of."""

import hashlib
import secrets
from collections.abc import Iterable

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from control_plane.registry.errors import NameTaken
from control_plane.registry.facts import AuditEntry, RouterSeen
from control_plane.registry.tables import admin_tokens, audit, routers

FIELD_CHARACTERS_MAX = 500


class Audit:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, actor: str, action: str, target: str, source: str) -> int:
        """Record an action before it is done, so that none is done unrecorded; returns the entry's id."""
        fields = {"actor": actor, "action": action, "target": target, "source": source}
        row = {name: value[:FIELD_CHARACTERS_MAX] for name, value in fields.items()}
        async with self._engine.begin() as connection:
            written = insert(audit).values(**row, outcome="started").returning(audit.c.id)
            return int((await connection.execute(written)).scalar_one())

    async def end(self, entry: int, outcome: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(update(audit).where(audit.c.id == entry).values(outcome=outcome[:FIELD_CHARACTERS_MAX]))

    async def latest(self, limit: int) -> tuple[AuditEntry, ...]:
        """Newest first."""
        wanted = select(audit).order_by(audit.c.id.desc()).limit(limit)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(wanted)).all()
        return tuple(AuditEntry(row.at, row.actor, row.action, row.target, row.source, row.outcome) for row in rows)


class AdminTokens:
    """Credentials of people and scripts, beside the cluster's own. Only digests are stored."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def insert(self, name: str) -> str:
        """A new token of that name, shown this once. Raises NameTaken."""
        token = f"wadm-{secrets.token_hex(32)}"
        async with self._engine.begin() as connection:
            try:
                await connection.execute(insert(admin_tokens).values(name=name, digest=digest(token)))
            except IntegrityError as error:
                raise NameTaken(f"there is an admin token {name!r} already") from error
        return token

    async def remove(self, name: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(delete(admin_tokens).where(admin_tokens.c.name == name))

    async def name_of(self, token: str) -> str | None:
        # Looked up by digest: what an attacker could time says nothing of the token.
        async with self._engine.connect() as connection:
            wanted = select(admin_tokens.c.name).where(admin_tokens.c.digest == digest(token))
            return (await connection.execute(wanted)).scalar_one_or_none()


class Routers:
    """What routers acknowledged, as each replica of the control plane last wrote it down."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def record(self, seen: Iterable[RouterSeen], gone: Iterable[str]) -> None:
        rows = [{"router_id": r.router_id, "address": r.address, "version": r.version, "seen_at": func.clock_timestamp()} for r in seen]
        async with self._engine.begin() as connection:
            for row in rows:
                await connection.execute(upsert(routers).values(**row).on_conflict_do_update(index_elements=["router_id"], set_=row))
            if leavers := list(gone):
                await connection.execute(delete(routers).where(routers.c.router_id.in_(leavers)))

    async def list(self, *, silence_s_max: float) -> tuple[RouterSeen, ...]:
        recent = routers.c.seen_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, silence_s_max)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(routers).where(recent).order_by(routers.c.router_id))).all()
        return tuple(RouterSeen(row.router_id, row.address, row.version) for row in rows)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
