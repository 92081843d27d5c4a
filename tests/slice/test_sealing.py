"""A database that an operator brought back from another cell's archive owns nothing, from before the first process sees it."""

from pathlib import Path

import asyncpg
import pytest

from chassis.identity import make_workspace_id
from control_plane.provision.backups.sealing import main, seal_once
from control_plane.provision.errors import ProvisionError
from tests.harness.databases import FreshDatabase

pytestmark = pytest.mark.anyio
ROWS = "SELECT state, count(*) FROM tenancy GROUP BY state"


async def states(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    try:
        return {row["state"]: row["count"] for row in await connection.fetch(ROWS)}
    finally:
        await connection.close()


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_copy_is_sealed_once_as_its_own_and_again_as_anothers(cell_database: FreshDatabase) -> None:
    url = cell_database.owner_url
    added = "INSERT INTO tenancy (workspace_id, state, epoch, name, subdomain, secret) VALUES ('{}', 'active', 3, 'a', '{}', '')"
    await execute(url, *(added.format(make_workspace_id(), name) for name in ("one", "two")))
    await execute(url, "CREATE PUBLICATION waggle_mv_1 FOR TABLE tenancy")
    await execute(url, "CREATE SUBSCRIPTION waggle_mv_2 CONNECTION 'host=nowhere' PUBLICATION x WITH (connect = false)")

    assert await seal_once("cell-1b", url)
    assert await states(url) == {"incoming": 2}
    await execute(url, "UPDATE tenancy SET state = 'active'")  # a failover has opened them here
    assert not await seal_once("cell-1b", url)
    assert await states(url) == {"active": 2}, "a pod that starts later takes nothing away"
    assert await seal_once("cell-1c", url), "the copy of a copy is another's"
    assert await states(url) == {"incoming": 2}


async def test_a_database_that_is_away_is_said_in_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match=r"^the restored database could not be sealed: "):
        await seal_once("cell-1", f"postgresql:///waggle?host={tmp_path}")
    assert main(["cell-1"]) == 2
    assert capsys.readouterr().err.startswith("usage: ")
