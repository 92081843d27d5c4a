"""What people set about themselves and time changes: a status that expires, hours in which one is not to be disturbed."""

import asyncio
import json

import pytest

from cells.runtime.jobs import DueWork
from tests.harness.chat import Chat, a_chat
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase

pytestmark = pytest.mark.anyio


def a_worker(chat: Chat, clock: ManualClock) -> DueWork:
    return DueWork(chat.workload.due, chat.database, chat.log, clock)


async def test_a_status_ends_by_itself_and_everyone_hears_of_it_once(cell_database: FreshDatabase) -> None:
    """By two workers at once; one that was changed or taken back ends nothing."""
    clock = ManualClock()
    async with a_chat(cell_database, clock) as chat:
        acme = await chat.found("acme")
        workers = [a_worker(chat, clock), a_worker(chat, clock)]
        ends_s = clock.now_us() // 1_000_000 + 60
        status = {"status_text": "at lunch", "status_emoji": ":sandwich:", "status_expiration": ends_s}
        people = {name: await acme.add(name) for name in ("ann", "bob", "cat")}
        for person in people.values():
            await person.call("users.profile.set", profile=status)
        await people["bob"].call("users.profile.set", profile=status | {"status_expiration": ends_s + 60})
        await people["cat"].call("users.profile.set", profile=status | {"status_expiration": 0})
        head = await acme.head()
        await asyncio.gather(*(worker.step() for worker in workers))
        assert await acme.head() == head, "not before its time"
        clock.advance(61)
        await asyncio.gather(*(worker.step() for worker in workers))
        [event] = await acme.events(head)
        told = json.loads(event.payload)["user"]
        assert (event.kind, event.audience, told["id"]) == ("user_change", ("full", people["ann"].user_id), people["ann"].user_id)
        shown = {name: (await person.call("users.profile.get"))["profile"] for name, person in people.items()}
        assert told["profile"] == shown["ann"] | {"email": told["profile"]["email"]}
        assert {name: face["status_text"] for name, face in shown.items()} == {"ann": "", "bob": "at lunch", "cat": "at lunch"}
        assert (shown["ann"]["status_emoji"], shown["ann"]["status_expiration"]) == ("", 0)
        clock.advance(60)
        await asyncio.gather(*(worker.step() for worker in workers))
        assert [json.loads(event.payload)["user"]["id"] for event in (await acme.events(head))[1:]] == [people["bob"].user_id]
