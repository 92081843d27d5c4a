"""A peer that hangs without a word (paused, unplugged) is noticed, so that nothing piles up behind it."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from chassis.rpc import channel, limits
from tests.harness import faults

pytestmark = pytest.mark.anyio
TOKEN = "t" * 32
SERVER = f"""
import asyncio, grpc
from chassis.rpc import listen, server

async def stream(requests, context):
    await context.write(b"here")
    await asyncio.Event().wait()

class Handlers(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.stream_stream_rpc_method_handler(stream)

async def main():
    serving = server({TOKEN!r})
    serving.add_generic_rpc_handlers((Handlers(),))
    port = listen(serving, "127.0.0.1:0")
    await serving.start()
    print(port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def a_server() -> AsyncIterator[tuple[int, str]]:
    """(pid, address) of a server in a process of its own."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            yield process.pid, f"127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()


async def test_a_stream_to_a_hung_process_breaks_within_the_keepalive(monkeypatch: pytest.MonkeyPatch) -> None:
    """I8: the wait for a silent peer is bounded by KEEPALIVE_MS + KEEPALIVE_TIMEOUT_MS (made short here)."""
    monkeypatch.setattr(limits, "KEEPALIVE_MS", 1_000)
    monkeypatch.setattr(limits, "KEEPALIVE_TIMEOUT_MS", 500)
    async with a_server() as (pid, address), channel(address, TOKEN) as connected:
        start: Any = connected.stream_stream
        call = start("/any/Thing")()
        assert await call.read() == b"here"
        with faults.paused(pid):
            async with asyncio.timeout(8):
                with pytest.raises(grpc.aio.AioRpcError) as broken:
                    await call.read()
        assert broken.value.code() is grpc.StatusCode.UNAVAILABLE
