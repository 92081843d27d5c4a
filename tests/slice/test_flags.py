"""Switched off: what each surface says then, how a word reaches the processes of cells and routers, and what they know after a restart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from cells.app.flag_watch import FlagWatch, recall
from cells.chat.slack.methods import all_methods
from cells.runtime.tenancy import open_database
from cells.runtime.tenancy.flags import KeptFlags
from cells.runtime.workload import Admitted
from chassis.flags import Flag, FlagSet, Switchboard, Word
from chassis.rpc import channel
from protos.admin.v1 import admin_pb2
from router.routes.snapshot import Snapshot, SnapshotStore
from router.routes.table import RouteTable
from router.routes.watch import DirectoryWatch
from tests.harness.chat import ChatClient, Workspace, a_chat, exchange
from tests.harness.control import ControlPlane, FakeCell, running_cell, running_control_plane
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio

SWITCHED = [method for method in all_methods().values() if method.flag is not None]


@pytest.fixture
def board() -> Switchboard:
    return Switchboard("cell-1")


@pytest.fixture
async def acme(cell_database: FreshDatabase, board: Switchboard) -> AsyncIterator[Workspace]:
    async with a_chat(cell_database, flags=board) as chat:
        yield await chat.found("acme")


def switch_off(board: Switchboard, *flags: Flag, workspace_id: str = "") -> None:
    words = tuple(Word(flag, on=False, workspace_id=workspace_id) for flag in flags)
    board.take(FlagSet("r", board.held.version + 1, words))


async def get(client: ChatClient, path: str, verb: str = "GET", body: bytes = b"") -> tuple[int, str]:
    headers = [(b"host", b"chat.test"), (b"authorization", f"Bearer {client.token}".encode()), (b"content-type", b"application/json")]
    reply = await exchange(client._app, client.tenant, verb, path, b"", headers, body)
    return reply.status, reply.body.decode()


async def test_each_method_that_may_be_off_says_its_word_and_comes_back(acme: Workspace, board: Switchboard) -> None:
    """Before it looks at anything: no arguments are given, and the word is one that the method declares."""
    switch_off(board, *Flag)
    for method in SWITCHED:
        reply = await acme.owner.form(method.name, {})
        assert (reply.status, reply.json) == (200, {"ok": False, "error": method.off.code}), method.name
        assert method.off in method.errors
    assert (await acme.owner.call("chat.postMessage", channel=acme.general, text="we go on"))["ok"]
    board.take(FlagSet("r", 9))
    for method in SWITCHED:
        assert (await acme.owner.call(method.name)).get("error") not in ("service_unavailable", "file_uploads_disabled"), method.name


async def test_one_workspace_is_switched_and_its_neighbour_is_not(cell_database: FreshDatabase, board: Switchboard) -> None:
    async with a_chat(cell_database, flags=board) as chat:
        acme, globex = await chat.found("acme"), await chat.found("globex")
        switch_off(board, Flag.SEARCH, workspace_id=acme.scope.workspace_id)
        assert (await acme.owner.call("search.messages", query="x"))["error"] == "service_unavailable"
        assert (await globex.owner.call("search.messages", query="x"))["ok"]


async def test_apps_are_silenced_and_people_are_not(acme: Workspace, board: Switchboard) -> None:
    switch_off(board, Flag.APPS)
    assert await acme.bot.call("auth.test") == {"ok": False, "error": "service_unavailable"}
    assert (await acme.owner.call("auth.test"))["ok"]


async def test_presence_forgets_nobody_while_it_is_off(acme: Workspace, board: Switchboard) -> None:
    attendance, user_id = acme.workload.attendance, acme.owner.user_id
    assert attendance is not None

    async def shown() -> str:
        _, said = await get(acme.owner, "/graphql", "POST", b'{"query":"{ me { presence } }"}')
        return said

    attendance.on_arrival(acme.tenant, Admitted(user_id), resumed=False)
    assert '"active"' in await shown()
    switch_off(board, Flag.PRESENCE)
    assert '"away"' in await shown()
    board.take(FlagSet("r", 9))
    assert '"active"' in await shown()


async def test_what_is_no_method_is_off_too(acme: Workspace, board: Switchboard) -> None:
    """Files' own addresses, GraphQL and an import: refused in words, with no 5xx."""
    opened = await acme.owner.call("files.getUploadURLExternal", filename="a.txt", length=1)
    path = opened["upload_url"].split("8080", 1)[1]
    switch_off(board, Flag.FILES, Flag.GRAPHQL, Flag.IMPORT, Flag.PRESENCE)
    assert await get(acme.owner, path, "POST", b"x") == (403, '{"ok":false,"error":"service_unavailable"}')
    assert await get(acme.owner, f"/files/{acme.scope.workspace_id}/{opened['file_id']}/a.txt") == (
        403,
        '{"ok":false,"error":"service_unavailable"}',
    )
    status, said = await get(acme.owner, "/graphql", "POST", b'{"query":"{ me { id } }"}')
    assert status == 200 and '"code":"service_unavailable"' in said
    assert (await acme.owner.call("files.list"))["ok"]

    async def pieces() -> AsyncIterator[bytes]:
        yield b"{}"

    with pytest.raises(Exception, match="imports are switched off here"):
        async for _ in acme.workload.exchanges["workspace.import"](acme.tenant, pieces()):
            pass
    boot = await acme.owner.call("client.userBoot")
    assert boot["ok"]


async def nobody_is_behind(control: ControlPlane) -> bool:
    return not (await control.admin.ListFlags(admin_pb2.ListFlagsRequest())).reach.behind


@asynccontextmanager
async def a_process(control: ControlPlane, database_url: str, name: str, board: Switchboard) -> AsyncIterator[None]:
    """A cell process's part of it: remembers, then follows and keeps."""
    async with open_database(database_url) as database, channel(control.address, control.credential) as line:
        await recall(board, KeptFlags(database))

        async def acknowledge() -> None:
            await control.heartbeat("cell-1", "127.0.0.1:1", name, flags_version=board.held.version)

        telling: set[asyncio.Task[None]] = set()
        watch = FlagWatch(line, board, KeptFlags(database), "cell-1", name, lambda: telling.add(asyncio.create_task(acknowledge())))
        async with watch.watching():
            try:
                yield
            finally:
                await asyncio.gather(*telling, return_exceptions=True)


async def test_a_word_reaches_every_process_and_is_known_after_a_restart_without_the_control_plane(
    control_database: FreshDatabase, cell_database: FreshDatabase, tmp_path: Path
) -> None:
    boards, table = [Switchboard("cell-1"), Switchboard("cell-1")], RouteTable()
    async with (
        running_control_plane(control_database.app_url, tmp_path) as control,
        running_cell(FakeCell(), control.credential) as address,
    ):
        await control.heartbeat("cell-1", address, "p0", flags_version=2**40)
        async with (
            a_process(control, cell_database.app_url, "p1", boards[0]),
            a_process(control, cell_database.app_url, "p2", boards[1]),
            channel(control.address, control.credential) as line,
        ):
            following = asyncio.create_task(DirectoryWatch(table, line, router_id="r1", address="127.0.0.1:1").run())
            await eventually(lambda: table.version > 0)
            scope = admin_pb2.FlagScope(cell="cell-1")
            reply = await control.admin.SetFlag(admin_pb2.SetFlagRequest(name="search", scope=scope, on=False, reason="it is slow"))
            assert reply.reach.processes >= 2 and reply.setting.reason == "it is slow"
            await eventually(lambda: nobody_is_behind(control))
            assert all(board.off(Flag.SEARCH, "T1") and not board.off(Flag.FILES, "T1") for board in boards)
            await control.admin.SetFlag(admin_pb2.SetFlagRequest(name="finder", on=False))
            await eventually(lambda: table.flags.off(Flag.FINDER))
            SnapshotStore(tmp_path / "router").save(Snapshot.of(table))
            await eventually(lambda: all(board.held.version == table.flags.held.version for board in boards))
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        (entry,) = [e for e in (await control.admin.ListAudit(admin_pb2.ListAuditRequest())).entries if "search" in e.target]
        assert (entry.actor, entry.action) == ("cluster", "flag.set")
        assert entry.target == "search off for cell cell-1; why: it is slow" and entry.outcome.startswith("ok: version ")

    async with open_database(cell_database.app_url) as database:
        again = Switchboard("cell-1")
        await recall(again, KeptFlags(database))
        assert again.held == boards[0].held and again.off(Flag.SEARCH, "T1")
        other = Switchboard("cell-2")
        await recall(other, KeptFlags(database))
        assert not other.off(Flag.SEARCH, "T1")
        await KeptFlags(database).keep(FlagSet(again.held.registry_id, 1, ()))
        assert await KeptFlags(database).read() == again.held, "an older set came late and won"
    restarted, kept = RouteTable(), SnapshotStore(tmp_path / "router").load()
    assert kept is not None
    kept.put_into(restarted)
    assert restarted.flags.off(Flag.FINDER)


async def test_flags_that_are_not_whole_are_passed_over(cell_database: FreshDatabase, board: Switchboard) -> None:
    async with open_database(cell_database.app_url) as database:
        await KeptFlags(database).keep(FlagSet("r", 3, (Word("search", on=False),)))
        await execute(cell_database.owner_url, "UPDATE flags SET words = 'garbage'")
        await recall(board, KeptFlags(database))
        assert board.held == FlagSet() and not board.off(Flag.SEARCH, "T1")
        await KeptFlags(database).keep(FlagSet("r", 4, (Word("search", on=False),)))
        await recall(board, KeptFlags(database))
        assert board.off(Flag.SEARCH, "T1")


async def test_what_cannot_be_is_refused_in_one_line_and_clearing_gives_way_to_the_wider_word(
    control_database: FreshDatabase, tmp_path: Path
) -> None:
    async with running_control_plane(control_database.app_url, tmp_path) as control:

        async def refused(name: str, **scope: str) -> str:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await control.admin.SetFlag(admin_pb2.SetFlagRequest(name=name, scope=admin_pb2.FlagScope(**scope), on=False))
            return raised.value.details() or ""

        assert (await refused("serach")).startswith("there is no flag 'serach'; there are: apps, files, ")
        assert await refused("search", cell="cell-9") == "there is no cell 'cell-9'"
        assert await refused("search", workspace="nowhere") == "there is no workspace 'nowhere'"
        assert "not of both" in await refused("search", cell="a", workspace="b")
        await control.heartbeat("cell-1", "127.0.0.1:1", flags_version=2**40)
        assert "set it for everything" in await refused("finder", cell="cell-1")
        with pytest.raises(grpc.aio.AioRpcError, match="is not set there"):
            await control.admin.ClearFlag(admin_pb2.ClearFlagRequest(name="search"))

        async def search(cell: str = "") -> tuple[bool, str]:
            asked = admin_pb2.ListFlagsRequest(scope=admin_pb2.FlagScope(cell=cell))
            (found,) = [known for known in (await control.admin.ListFlags(asked)).known if known.name == "search"]
            return found.on, found.decided_by

        await control.admin.SetFlag(admin_pb2.SetFlagRequest(name="search", on=False))
        await control.admin.SetFlag(admin_pb2.SetFlagRequest(name="search", on=True, scope=admin_pb2.FlagScope(cell="cell-1")))
        assert (await search(), await search("cell-1")) == ((False, "global"), (True, "cell"))
        await control.admin.ClearFlag(admin_pb2.ClearFlagRequest(name="search", scope=admin_pb2.FlagScope(cell="cell-1")))
        assert await search("cell-1") == (False, "global")
