"""`python -m router.app` as an operator meets it: its settings, its workers, its end."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from chassis.identity import CellName, WorkspaceId
from chassis.rpc import create_credential_file
from control_plane.provision.processes import free_port, port_is_free
from router.routes.snapshot import Snapshot, SnapshotStore
from router.routes.table import Route
from tests.harness.eventually import eventually

pytestmark = pytest.mark.anyio


def environment(home: Path, **more: str) -> dict[str, str]:
    create_credential_file(home / "token")
    own = {name: value for name, value in os.environ.items() if not name.startswith("WAGGLE_")}
    return own | {
        "WAGGLE_ROUTER_LISTEN": f"127.0.0.1:{free_port()}",
        "WAGGLE_ROUTER_HEALTH": f"127.0.0.1:{free_port()}",
        "WAGGLE_ROUTER_CONTROL_PLANE": "127.0.0.1:1",
        "WAGGLE_ROUTER_HOME": str(home / "routes.d"),
        "WAGGLE_CLUSTER_TOKEN_FILE": str(home / "token"),
        **more,
    }


def with_routes(home: Path) -> None:
    SnapshotStore(home / "routes.d").save(
        Snapshot("reg", 3, (), (Route(WorkspaceId("T1234567890"), "acme", CellName("cell-1"), 1, "active"),))
    )


@contextlib.asynccontextmanager
async def a_router(environ: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "router.app", env=environ, stderr=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def answers(environ: dict[str, str]) -> bool:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{environ['WAGGLE_ROUTER_LISTEN']}/api/api.test")
    return bool(answer.json() == {"ok": True, "args": {}})


async def readiness(environ: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"http://{environ['WAGGLE_ROUTER_HEALTH']}/readyz")


async def is_ready(environ: dict[str, str]) -> bool:
    return (await readiness(environ)).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"WAGGLE_ROUTER_WORKERS": "0"}, "WAGGLE_ROUTER_WORKERS"),
        ({"WAGGLE_ROUTER_WORKRES": "2"}, "WAGGLE_ROUTER_WORKERS"),
        ({"WAGGLE_ROUTER_LISTEN": "nowhere"}, "WAGGLE_ROUTER_LISTEN"),
        ({"WAGGLE_ROUTER_CERTIFICATE": "/nonexistent"}, "WAGGLE_ROUTER_KEY"),
        ({"WAGGLE_ROUTER_CERTIFICATE": "/nonexistent", "WAGGLE_ROUTER_KEY": "/nonexistent"}, "/nonexistent"),
        ({"WAGGLE_CLUSTER_TOKEN_FILE": "/nonexistent"}, "/nonexistent"),
    ],
)
async def test_settings_mistake_is_one_line(tmp_path: Path, wrong: dict[str, str], named: str) -> None:
    async with a_router(environment(tmp_path) | wrong | {"WAGGLE_LOG_LEVEL": "error"}) as process:
        async with asyncio.timeout(30):
            _, said = await process.communicate()
    lines = said.decode().splitlines()
    assert process.returncode == 2
    assert len(lines) == 1
    assert named in lines[0]


async def test_address_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environ = environment(tmp_path, WAGGLE_ROUTER_LISTEN=f"127.0.0.1:{taken.getsockname()[1]}", WAGGLE_LOG_LEVEL="error")
        async with a_router(environ) as process:
            async with asyncio.timeout(30):
                _, said = await process.communicate()
    assert process.returncode == 2
    assert said.decode().count("\n") == 1


async def test_not_ready_without_routes(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    async with a_router(environ):
        await eventually(lambda: answers(environ))
        answer = await readiness(environ)
        assert answer.status_code == 503
        assert "no routes yet" in answer.text


async def test_starts_from_disk_and_stops_when_told(tmp_path: Path) -> None:
    with_routes(tmp_path)
    environ = environment(tmp_path)
    async with a_router(environ) as process:
        await eventually(lambda: is_ready(environ))
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://{environ['WAGGLE_ROUTER_LISTEN']}/w/acme/api/auth.test")
        assert (answer.status_code, answer.json()) == (503, {"ok": False, "error": "service_unavailable"})
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0


def children(process: asyncio.subprocess.Process) -> list[psutil.Process]:
    return [child for child in psutil.Process(process.pid).children() if child.status() != psutil.STATUS_ZOMBIE]


def of_two_workers(home: Path) -> dict[str, str]:
    """Each worker tells of its health on a port of its own, the second on the next one."""
    return environment(home, WAGGLE_ROUTER_WORKERS="2", WAGGLE_ROUTER_HEALTH=f"127.0.0.1:{free_port(span=2)}")


async def test_workers_share_the_port_and_come_back(tmp_path: Path) -> None:
    with_routes(tmp_path)
    environ = of_two_workers(tmp_path)
    async with a_router(environ) as process:
        await eventually(lambda: is_ready(environ))
        first = {child.pid for child in children(process)}
        assert len(first) == 2
        victim = min(first)
        os.kill(victim, signal.SIGKILL)
        await eventually(lambda: len(children(process)) == 2 and victim not in {child.pid for child in children(process)})
        assert await eventually(lambda: answers(environ))
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0


def listens(process: psutil.Process, port: int) -> bool:
    return any(one.laddr.port == port and one.status == psutil.CONN_LISTEN for one in process.net_connections("tcp4"))


async def taken(port: int) -> socket.socket:
    """`port` as soon as whoever had it is gone; held before a worker that starts anew can have it."""

    def bound() -> socket.socket:
        return socket.create_server(("127.0.0.1", port))

    return await eventually(bound, every_s=0.001)


async def test_a_worker_whose_port_is_taken_when_it_comes_back_is_tried_again(tmp_path: Path) -> None:
    with_routes(tmp_path)
    environ = of_two_workers(tmp_path)
    second = int(environ["WAGGLE_ROUTER_HEALTH"].rpartition(":")[2]) + 1
    async with a_router(environ) as process:
        await eventually(lambda: is_ready(environ))
        await eventually(lambda: not port_is_free(second))
        died = next(child for child in children(process) if listens(child, second))
        seen = {child.pid for child in children(process)}
        known = len(seen)
        died.kill()

        def tried_again() -> bool:
            seen.update(child.pid for child in children(process))
            return len(seen) >= known + 2

        with await taken(second):
            await eventually(tried_again)
            assert await answers(environ)
        await eventually(lambda: any(listens(child, second) for child in children(process)))


async def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    with_routes(tmp_path)
    environ = of_two_workers(tmp_path)
    async with a_router(environ) as process:
        await eventually(lambda: is_ready(environ))
        workers = children(process)
        process.kill()
        await process.wait()
        await eventually(lambda: not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers))
