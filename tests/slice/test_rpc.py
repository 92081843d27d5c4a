"""Plane-to-plane RPC over real sockets: who proves nothing gets nothing, and garbage harms only whoever sent it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from chassis import rpc
from chassis.errors import SettingsError
from chassis.rpc.limits import METADATA_BYTES_MAX
from protos.cell.v1 import cell_pb2, cell_pb2_grpc
from protos.tunnel.v1 import tunnel_pb2, tunnel_pb2_grpc
from tests.harness.certificates import authority, signed

pytestmark = pytest.mark.anyio
CREDENTIAL = "the-cluster-token-of-this-test"
CALL_S_MAX = 20.0
GREETS_AFTER_S = 0.7


@dataclass
class Deeds:
    """What the server did; a refused call must add nothing."""

    done: list[str] = field(default_factory=list)


class Cell(cell_pb2_grpc.CellServicer):
    def __init__(self, deeds: Deeds) -> None:
        self._deeds = deeds

    async def Admit(self, request: cell_pb2.AdmitRequest, context: Any) -> cell_pb2.AdmitReply:
        self._deeds.done.append("admit")
        return cell_pb2.AdmitReply()


class Tunnel(tunnel_pb2_grpc.TunnelServicer):
    def __init__(self, deeds: Deeds) -> None:
        self._deeds = deeds

    async def Connect(self, batches: AsyncIterator[tunnel_pb2.Batch], context: Any) -> AsyncIterator[tunnel_pb2.Batch]:
        self._deeds.done.append("connect")
        async for batch in batches:
            yield batch


@pytest.fixture
def deeds() -> Deeds:
    return Deeds()


Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve(deeds: Deeds) -> AsyncIterator[Serve]:
    """Starts a server and says its address."""
    servers: list[grpc.aio.Server] = []

    async def start(tls: rpc.Tls | None = None, **options: Any) -> str:
        server = rpc.server(CREDENTIAL, **options)
        # Both leave methods unwritten; grpc answers those with UNIMPLEMENTED.
        cell_pb2_grpc.add_CellServicer_to_server(Cell(deeds), server)  # type: ignore[abstract]
        tunnel_pb2_grpc.add_TunnelServicer_to_server(Tunnel(deeds), server)  # type: ignore[abstract]
        health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(), server)
        port = rpc.listen(server, "127.0.0.1:0", tls)
        await server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        await server.stop(None)


@asynccontextmanager
async def dialled(address: str, credential: str | None = CREDENTIAL, tls: rpc.Tls | None = None) -> AsyncIterator[Any]:
    channel = grpc.aio.insecure_channel(address) if credential is None else rpc.channel(address, credential, tls)
    async with channel:
        yield channel


async def admit(channel: Any, **kwargs: Any) -> str:
    """The status of one unary call."""
    try:
        await cell_pb2_grpc.CellStub(channel).Admit(cell_pb2.AdmitRequest(), timeout=CALL_S_MAX, **kwargs)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def echo(channel: Any) -> str:
    """The status of one stream with a batch there and back."""
    batch = tunnel_pb2.Batch(frames=[tunnel_pb2.Frame(stream=7)])
    call = tunnel_pb2_grpc.TunnelStub(channel).Connect(timeout=CALL_S_MAX)
    try:
        await call.write(batch)
        assert await call.read() == batch
        await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass  # a write to a stream that was refused fails either way; the status says why
    status: grpc.StatusCode = await call.code()
    return status.name


async def test_the_credential_opens_calls_and_streams(serve: Serve, deeds: Deeds) -> None:
    async with dialled(await serve()) as channel:
        assert (await admit(channel), await echo(channel)) == ("OK", "OK")
    assert deeds.done == ["admit", "connect"]


@pytest.mark.parametrize("credential", [None, "another-cluster's-token-here", CREDENTIAL + "x", CREDENTIAL[:-1]])
async def test_without_it_nothing_is_done(serve: Serve, deeds: Deeds, credential: str | None) -> None:
    async with dialled(await serve(), credential) as channel:
        assert (await admit(channel), await echo(channel)) == ("UNAUTHENTICATED", "UNAUTHENTICATED")
    assert deeds.done == []


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", CREDENTIAL, f"bearer {CREDENTIAL}", f"Basic {CREDENTIAL}", f"Bearer  {CREDENTIAL}"]
)
async def test_other_ways_to_say_it_are_refused(serve: Serve, deeds: Deeds, value: str) -> None:
    async with dialled(await serve(), None) as channel:
        assert await admit(channel, metadata=(("authorization", value),)) == "UNAUTHENTICATED"
    assert deeds.done == []


async def test_a_recognised_token_opens_what_it_is_for(serve: Serve, deeds: Deeds) -> None:
    async def recognise(method: str, token: str) -> bool:
        return method == "/protos.cell.v1.Cell/Admit" and token == "an-administrators-token"

    address = await serve(recognise=recognise)
    async with dialled(address, "an-administrators-token") as channel:
        assert (await admit(channel), await echo(channel)) == ("OK", "UNAUTHENTICATED")
    async with dialled(address, "somebody-elses-token") as channel:
        assert await admit(channel) == "UNAUTHENTICATED"
    async with dialled(address, CREDENTIAL) as channel:
        assert await echo(channel) == "OK"
    assert deeds.done == ["admit", "connect"]


async def test_a_recogniser_that_breaks_lets_nobody_in(serve: Serve, deeds: Deeds) -> None:
    async def recognise(_method: str, _token: str) -> bool:
        raise RuntimeError("the register is gone")

    async with dialled(await serve(recognise=recognise), "an-administrators-token") as channel:
        assert await admit(channel) != "OK"
    assert deeds.done == []


async def test_unknown_methods_are_refused_before_they_are_looked_for(serve: Serve) -> None:
    address = await serve()
    for credential, status in ((None, "UNAUTHENTICATED"), (CREDENTIAL, "UNIMPLEMENTED")):
        async with dialled(address, credential) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary("/protos.cell.v1.Cell/Burn")(b"", timeout=CALL_S_MAX)
            assert refused.value.code().name == status


async def test_a_refused_stream_does_not_wait_for_a_message(serve: Serve) -> None:
    async with dialled(await serve(), None) as channel:
        call = tunnel_pb2_grpc.TunnelStub(channel).Connect(timeout=CALL_S_MAX)
        assert (await call.code()).name == "UNAUTHENTICATED"


async def test_probes_need_none(serve: Serve) -> None:
    async with dialled(await serve(), None) as channel:
        reply = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=CALL_S_MAX)
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


async def test_own_metadata_goes_along(serve: Serve) -> None:
    async with dialled(await serve()) as channel:
        assert await admit(channel, metadata=(("waggle-request-id", "r1"),)) == "OK"


@pytest.mark.parametrize(
    "garbage",
    [b"\x00" * 64, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 4096, b"\x16\x03\x01\x02\x00\x01"],
    ids=["zeros", "http/1.1", "http/2 then noise", "tls hello"],
)
async def test_garbage_closes_only_its_own_connection(serve: Serve, deeds: Deeds, garbage: bytes) -> None:
    address = await serve()
    host, port = address.split(":")
    async with dialled(address) as channel:
        call = tunnel_pb2_grpc.TunnelStub(channel).Connect(timeout=CALL_S_MAX)
        await call.write(tunnel_pb2.Batch())
        assert await call.read() == tunnel_pb2.Batch()

        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(CALL_S_MAX):
            await _until_closed(reader)
        writer.close()

        await call.write(tunnel_pb2.Batch())
        assert await call.read() == tunnel_pb2.Batch()
        assert await admit(channel) == "OK"
        call.cancel()


async def test_bytes_that_are_no_message_fail_that_call_alone(serve: Serve, deeds: Deeds) -> None:
    async with dialled(await serve()) as channel:
        stream = channel.stream_stream("/protos.tunnel.v1.Tunnel/Connect")(timeout=CALL_S_MAX)
        await stream.write(b"\xff\xff\xff")
        assert (await stream.code()).name != "OK"
        assert await echo(channel) == "OK"


async def test_messages_and_headers_over_their_limits_are_refused(serve: Serve, deeds: Deeds) -> None:
    address = await serve(message_bytes_max=1024)
    async with dialled(address) as channel:
        big = cell_pb2.AdmitRequest(workspace_id="T" * 2048)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await cell_pb2_grpc.CellStub(channel).Admit(big, timeout=CALL_S_MAX)
        assert refused.value.code().name == "RESOURCE_EXHAUSTED"
        assert await admit(channel, metadata=(("x-flood", "x" * (METADATA_BYTES_MAX + 1)),)) == "RESOURCE_EXHAUSTED"
        assert deeds.done == []
        assert await admit(channel) == "OK"


async def test_calls_over_the_limit_are_refused(serve: Serve) -> None:
    async with dialled(await serve(calls_max=1)) as channel:
        call = tunnel_pb2_grpc.TunnelStub(channel).Connect(timeout=CALL_S_MAX)
        await call.write(tunnel_pb2.Batch())
        await call.read()
        assert await admit(channel) == "RESOURCE_EXHAUSTED"
        call.cancel()


async def test_a_taken_port_and_an_address_that_is_none_are_settings_mistakes(serve: Serve) -> None:
    for address in (await serve(), "nowhere.invalid:1"):
        with pytest.raises(SettingsError, match=f"^cannot listen on '{address}': it must be a free host:port of this machine$"):
            rpc.listen(rpc.server(CREDENTIAL), address)


def test_an_empty_credential_protects_nothing() -> None:
    for make in (lambda: rpc.server(""), lambda: rpc.channel("127.0.0.1:1", "short")):
        with pytest.raises(SettingsError, match="the cluster token holds no credential"):
            make()


async def test_a_server_that_is_slow_to_greet_is_waited_for(serve: Serve) -> None:
    """As one on a machine with too much to do. It once had 0.1 s, and the call failed as if nobody were there."""
    host, port = (await serve()).split(":")

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        await asyncio.sleep(GREETS_AFTER_S)  # what is tested is that this does not matter
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass_on(reader, back))
            both.create_task(_pass_on(there, writer))

    between = await asyncio.start_server(late, "127.0.0.1", 0)
    async with between, dialled(f"127.0.0.1:{between.sockets[0].getsockname()[1]}") as channel:
        assert await admit(channel) == "OK"


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def _until_closed(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(65536):
            pass
    except ConnectionResetError:
        pass  # closed all the same


# ---- TLS -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificates:
    ca: Path
    server: rpc.Tls
    client: rpc.Tls
    stranger: rpc.Tls
    """Signed by an authority of its own."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    home = tmp_path_factory.mktemp("certificates")
    ours, others = authority(home, "ours"), authority(home, "others")
    server, client, stranger = signed(home, "server", ours), signed(home, "client", ours), signed(home, "stranger", others)
    return Certificates(
        ca=ours[0],
        server=rpc.Tls(cert=server[0], key=server[1], ca=ours[0]),
        client=rpc.Tls(cert=client[0], key=client[1], ca=ours[0]),
        stranger=rpc.Tls(cert=stranger[0], key=stranger[1], ca=ours[0]),
    )


async def test_both_sides_prove_themselves(serve: Serve, certificates: Certificates) -> None:
    async with dialled(await serve(certificates.server), tls=certificates.client) as channel:
        assert (await admit(channel), await echo(channel)) == ("OK", "OK")


async def test_a_certificate_does_not_stand_in_for_the_credential(serve: Serve, deeds: Deeds, certificates: Certificates) -> None:
    async with dialled(await serve(certificates.server), "x" * 32, certificates.client) as channel:
        assert await admit(channel) == "UNAUTHENTICATED"
    assert deeds.done == []


async def test_a_client_without_our_certificate_gets_nowhere(serve: Serve, deeds: Deeds, certificates: Certificates) -> None:
    address = await serve(certificates.server)
    for tls in (certificates.stranger, rpc.Tls(ca=certificates.ca), None):
        async with dialled(address, tls=tls) as channel:
            assert await admit(channel) == "UNAVAILABLE"
    assert deeds.done == []


async def test_without_an_authority_the_server_alone_proves_itself(serve: Serve, certificates: Certificates) -> None:
    address = await serve(rpc.Tls(cert=certificates.server.cert, key=certificates.server.key))
    async with dialled(address, tls=rpc.Tls(ca=certificates.ca)) as channel:
        assert await admit(channel) == "OK"


async def test_a_client_does_not_talk_to_a_strange_server(serve: Serve, deeds: Deeds, certificates: Certificates) -> None:
    address = await serve(rpc.Tls(cert=certificates.stranger.cert, key=certificates.stranger.key))
    async with dialled(address, tls=certificates.client) as channel:
        assert await admit(channel) == "UNAVAILABLE"
    assert deeds.done == []


@pytest.mark.parametrize(
    ("tls", "line"),
    [
        (rpc.Tls(cert=Path("/a.pem")), "^WAGGLE_TLS_CERT and WAGGLE_TLS_KEY go together"),
        (rpc.Tls(ca=Path(__file__)), "is not a PEM file$"),
        (rpc.Tls(cert=Path("/missing.pem"), key=Path("/missing.key")), r"^WAGGLE_TLS_CERT: '/missing.pem' cannot be read"),
    ],
)
async def test_certificates_that_cannot_be_used_are_settings_mistakes(tls: rpc.Tls, line: str) -> None:
    with pytest.raises(SettingsError, match=line):
        rpc.listen(rpc.server(CREDENTIAL), "127.0.0.1:0", tls)


async def test_a_server_needs_a_certificate_to_ask_for_them(certificates: Certificates) -> None:
    with pytest.raises(SettingsError, match=r"^WAGGLE_TLS_CERT is not set"):
        rpc.listen(rpc.server(CREDENTIAL), "127.0.0.1:0", rpc.Tls(ca=certificates.ca))
