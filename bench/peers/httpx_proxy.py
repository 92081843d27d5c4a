"""The peer: the reverse proxy that a Python team writes first - Starlette + httpx on Hypercorn, connection pool and all.

`python -m bench.peers.httpx_proxy PORT UPSTREAM_URL`
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length", "host"}


def proxy(upstream: str) -> Starlette:
    client = httpx.AsyncClient(base_url=upstream, limits=httpx.Limits(max_connections=256, max_keepalive_connections=256), timeout=30)

    async def forward(request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.items() if name not in _HOP_BY_HOP]
        answer = await client.request(
            request.method, request.url.path, params=request.query_params, headers=headers, content=await request.body()
        )
        kept = {name: value for name, value in answer.headers.items() if name not in _HOP_BY_HOP}
        return Response(answer.content, answer.status_code, headers=kept)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    return Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])], lifespan=lifespan)


def main() -> None:
    port, upstream = sys.argv[1:]
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_max_requests = 1_000_000_000
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(proxy(upstream), config))  # type: ignore[arg-type]  # Hypercorn types ASGI apps narrower than Starlette


if __name__ == "__main__":
    main()
