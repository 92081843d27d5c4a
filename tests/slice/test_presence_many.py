"""The presence of many at once is what each one's is, over a real Redis and without it."""

import pytest

from cells.chat.domain.presence.presence import Standing
from tests.slice.test_presence_keeper import Cell, cell

pytestmark = pytest.mark.anyio
__all__ = ["cell"]


async def test_many_at_once_are_what_each_is_alone(cell: Cell) -> None:
    tenant = cell.one.tenant
    here = cell.one.arrive("U00000000HERE")
    cell.two.arrive("U0000000THERE")
    cell.two.arrive("U00000000AWAY")
    await cell.settle()
    standings = {f"U{number:010}": Standing() for number in range(3_000)}
    standings |= {here.user_id: Standing(), "U0000000THERE": Standing(), "U00000000AWAY": Standing(manual_away=True)}
    for process in (cell.one, cell.two):
        words = await process.presences.among(tenant, standings)
        assert {user_id for user_id, word in words.items() if word == "active"} == {"U00000000HERE", "U0000000THERE"}
        assert words.keys() == standings.keys()
        alone = await process.presences.of(tenant, ["U00000000HERE", "U0000000THERE", "U0000000001"])
        assert {user_id: presence.shown for user_id, presence in alone.items()}.items() <= words.items()
    await cell.valkey.stop()
    words = await cell.one.presences.among(tenant, standings)
    assert {user_id for user_id, word in words.items() if word == "active"} == {"U00000000HERE"}
    assert await cell.one.presences.among(tenant, {}) == {}
