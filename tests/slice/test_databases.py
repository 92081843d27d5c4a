"""The servers that tests stand on are real and fresh."""

import asyncpg
import pytest
from redis.asyncio import Redis

from tests.harness.databases import FreshDatabase


@pytest.mark.anyio
async def test_database_is_fresh_and_separate(empty_database: FreshDatabase) -> None:
    connection = await asyncpg.connect(empty_database.owner_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        assert await connection.fetchval("SHOW wal_level") == "logical"
    finally:
        await connection.close()


@pytest.mark.anyio
async def test_cell_database_has_a_role_that_cannot_bypass_row_security(cell_database: FreshDatabase) -> None:
    connection = await asyncpg.connect(cell_database.app_url)
    try:
        row = await connection.fetchrow("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert row is not None
        assert tuple(row) == (False, False)
    finally:
        await connection.close()


@pytest.mark.anyio
async def test_valkey_answers(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        assert await redis.ping()
