"""A stream of `Exchange`, and how it goes on after a cell or the control plane went away."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import grpc

from chassis.backoff import Backoff
from control_plane.cli.asking import Admin, line_of
from control_plane.cli.errors import CliError
from protos.admin.v1 import admin_pb2

ANSWER_S_MAX = 60.0
AWAY_S_MAX = 60.0
"""How long a stream that ended in the middle is begun again, without any progress."""

T = TypeVar("T")


async def exchange(admin: Admin, workspace: str, name: str, bodies: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The first of `bodies` opens it. Raises CliError where nothing comes for a minute."""

    async def parcels() -> AsyncIterator[admin_pb2.Parcel]:
        yield admin_pb2.Parcel(workspace=workspace, name=name, body=await anext(bodies, b""))
        async for body in bodies:
            yield admin_pb2.Parcel(body=body)

    call = admin.stub.Exchange(parcels(), metadata=admin.metadata)
    answers = aiter(call)
    try:
        while True:
            try:
                async with asyncio.timeout(ANSWER_S_MAX):
                    parcel = await anext(answers)
            except TimeoutError:
                raise CliError(f"the cell said nothing for {ANSWER_S_MAX:.0f} s; the same command goes on from here") from None
            except StopAsyncIteration:
                return
            yield parcel.body
    finally:
        call.cancel()


async def again_and_again(attempt: Callable[[], Awaitable[T]], progress: Callable[[], object]) -> T:
    """Until it succeeds; gives up when `progress` stays the same for a minute of failures. Raises CliError."""
    backoff, failures = Backoff(limit_s=5.0), 0
    seen, since_s = progress(), time.monotonic()
    while True:
        try:
            return await attempt()
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            if progress() != seen:
                seen, since_s, failures = progress(), time.monotonic(), 0
            if time.monotonic() - since_s > AWAY_S_MAX:
                raise CliError(f"{line_of(error)}; the same command goes on from here") from None
        await asyncio.sleep(backoff.delay_s(failures))
        failures += 1
