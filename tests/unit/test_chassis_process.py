"""A process's life, as whoever starts it sees it: exit codes, signals, probes."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from chassis.errors import SettingsError
from chassis.process import Lifecycle, health, serving_health

ROOT = Path(__file__).parents[2]
PREFACE = "import asyncio\nfrom chassis.errors import SettingsError\nfrom chassis.process import run\n"


@contextmanager
def process(body: str, then: str = "run(main)") -> Iterator[subprocess.Popen[str]]:
    source = f"{PREFACE}async def main(life):\n    {body}\n{then}\n"
    started = subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


@pytest.mark.parametrize(
    ("body", "code", "stderr"),
    [
        ("life.ready()", 0, r""),
        ("raise SettingsError('WAGGLE_X: bad\\nvalue')", 2, r"WAGGLE_X: bad value\n"),
        ("raise RuntimeError('boom')", 1, r"(?s).*RuntimeError: boom.*"),
    ],
)
def test_exit_codes(body: str, code: int, stderr: str) -> None:
    with process(body) as started:
        assert re.fullmatch(stderr, started.communicate(timeout=60)[1])
        assert started.returncode == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_it_finish(number: signal.Signals) -> None:
    body = "print('up', flush=True); await life.stopping.wait(); print('drained', life.is_ready, flush=True)"
    with process(body) as started:
        assert started.stdout and started.stdout.readline() == "up\n"
        started.send_signal(number)
        assert started.stdout.readline() == "drained False\n"
        assert started.wait(timeout=60) == 0


def test_what_a_process_started_with_is_collected_no_more() -> None:
    body = "import gc; life.ready(); assert gc.get_freeze_count() > 1000; assert gc.get_threshold()[0] == 10_000; life.ready()"
    with process(body) as started:
        assert started.wait(20) == 0, started.communicate()[1]


def test_a_drain_that_takes_too_long_is_cut() -> None:
    with process("print('up', flush=True); await asyncio.Event().wait()", "run(main, drain_s=0.1)") as started:
        assert started.stdout and started.stdout.readline() == "up\n"
        started.terminate()
        assert started.wait(timeout=60) == 1


def test_a_second_signal_does_not_wait() -> None:
    body = "print('up', flush=True); await life.stopping.wait(); print('again', flush=True); await asyncio.Event().wait()"
    with process(body) as started:
        assert started.stdout and started.stdout.readline() == "up\n"
        started.terminate()
        assert started.stdout.readline() == "again\n"
        started.terminate()
        assert started.wait(timeout=60) == 1


@pytest.fixture
async def life() -> Lifecycle:
    return Lifecycle()


@pytest.fixture
async def port(life: Lifecycle) -> AsyncIterator[int]:
    async with serving_health(life, "127.0.0.1", 0) as bound:
        yield bound


async def exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(20):
        reply = await reader.read()
    writer.close()
    return reply


async def status(port: int, path: str) -> tuple[int, str]:
    head, _, body = (await exchange(port, f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())).decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.anyio
async def test_ready_follows_the_life(life: Lifecycle, port: int) -> None:
    assert await status(port, "/readyz") == (503, "starting\n")
    life.ready()
    assert await status(port, "/readyz?verbose") == (200, "ok\n") and life.is_ready
    life.unready("database away")
    assert await status(port, "/readyz") == (503, "database away\n")
    life.ready()
    life.stop()
    assert await status(port, "/readyz") == (503, "stopping\n") and not life.is_ready
    assert await status(port, "/livez") == (200, "ok\n")


@pytest.mark.anyio
async def test_metrics_are_prometheus(port: int) -> None:
    code, body = await status(port, "/metrics")
    assert code == 200 and "# TYPE python_info gauge\n" in body


@pytest.mark.anyio
async def test_what_is_not_there(port: int) -> None:
    assert (await status(port, "/"))[0] == 404
    assert (await exchange(port, b"POST /livez HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 405 ")
    assert (await exchange(port, b"HEAD /livez HTTP/1.1\r\n\r\n")).endswith(b"\r\n\r\n")


@pytest.mark.anyio
async def test_garbage_floods_and_hang_ups_harm_nobody(port: int) -> None:
    assert await exchange(port, b"\x00\xff\r\n\r\n") != b""
    with suppress(ConnectionResetError):  # closed with bytes unread: just as good
        assert await exchange(port, b"GET /" + b"a" * (2 * health.HEAD_BYTES_MAX)) == b""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    assert (await status(port, "/livez"))[0] == 200


@pytest.mark.anyio
async def test_a_slow_client_is_cut(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "EXCHANGE_S_MAX", 0.05)
    assert await exchange(port, b"GET /livez") == b""


@pytest.mark.anyio
async def test_half_open_connections_are_bounded(port: int) -> None:
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(health.CONNECTIONS_MAX + 1)]
    try:
        async with asyncio.timeout(20):
            assert await held[-1][0].read() == b""
    finally:
        for _, writer in held:
            writer.close()


@pytest.mark.anyio
async def test_a_taken_port_is_a_settings_mistake(life: Lifecycle, port: int) -> None:
    with pytest.raises(SettingsError, match=f"^cannot listen on '127.0.0.1:{port}' for health"):
        async with serving_health(life, "127.0.0.1", port):
            pass
