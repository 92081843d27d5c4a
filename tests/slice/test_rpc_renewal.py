"""Certificates are replaced while processes run: from the next connection on the new ones count, and nobody is cut off."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from chassis import rpc
from chassis.errors import SettingsError
from tests.harness.certificates import authority, signed

pytestmark = pytest.mark.anyio
CREDENTIAL = "the-cluster-token-of-this-test"
CALL_S_MAX = 10.0
NAME = "waggle.internal"


@dataclass(frozen=True)
class Signer:
    """An authority, and what it signed for a server that is dialled by an address."""

    ca: Path
    cert: Path
    key: Path

    def put_into(self, folder: Path) -> rpc.Tls:
        """Replace the files there, each at once, as a renewal does."""
        for source, name in ((self.ca, "ca.crt"), (self.key, "tls.key"), (self.cert, "tls.crt")):
            shutil.copyfile(source, folder / f".{name}")
            (folder / f".{name}").rename(folder / name)
        return tls_in(folder)


def tls_in(folder: Path) -> rpc.Tls:
    return rpc.Tls(cert=folder / "tls.crt", key=folder / "tls.key", ca=folder / "ca.crt", name=NAME)


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Signer, Signer]:
    """Who signed until now, and who signs from now on; neither trusts the other."""
    return signer(tmp_path_factory.mktemp("old")), signer(tmp_path_factory.mktemp("new"))


def signer(home: Path) -> Signer:
    ca = authority(home, "ca")
    return Signer(ca[0], *signed(home, "process", ca, names=f"DNS:{NAME}"))


@pytest.fixture
def folders(tmp_path: Path, signers: tuple[Signer, Signer]) -> tuple[Path, Path]:
    """The files of a server and of a client, as the old authority signed them."""
    made = tmp_path / "server", tmp_path / "client"
    for folder in made:
        folder.mkdir()
        signers[0].put_into(folder)
    return made


@pytest.fixture
async def address(folders: tuple[Path, Path]) -> AsyncIterator[str]:
    server = rpc.server(CREDENTIAL)
    health = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    port = rpc.listen(server, "127.0.0.1:0", tls_in(folders[0]))
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def answered(channel: Any) -> bool:
    try:
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=CALL_S_MAX)
    except grpc.aio.AioRpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        return False
    return True


async def reached(address: str, tls: rpc.Tls) -> bool:
    async with rpc.channel(address, CREDENTIAL, tls) as channel:
        return await answered(channel)


async def test_both_ends_take_up_new_certificates_and_lose_no_call(
    address: str, folders: tuple[Path, Path], signers: tuple[Signer, Signer], tmp_path: Path
) -> None:
    server, client = folders
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    old = signers[0].put_into(stranger)
    async with rpc.channel(address, CREDENTIAL, tls_in(client)) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING

        signers[1].put_into(server)
        assert not await reached(address, old)  # the server shows, and demands, what it was given since
        signers[1].put_into(client)
        assert await answered(channel)  # the same channel, which began with the old
        await stub.Check(health_pb2.HealthCheckRequest(), timeout=CALL_S_MAX)  # and what was made of it before
        assert not watch.done()
        watch.cancel()


async def test_half_a_renewal_changes_nothing(address: str, folders: tuple[Path, Path], signers: tuple[Signer, Signer]) -> None:
    server, client = folders
    shutil.copyfile(signers[1].key, server / "tls.key")  # the certificate is still the old one
    assert await reached(address, tls_in(client))
    (server / "tls.crt").write_text("not yet")
    assert await reached(address, tls_in(client))
    signers[1].put_into(server)
    assert not await reached(address, tls_in(client))
    assert await reached(address, signers[1].put_into(client))


async def test_a_server_is_known_by_the_name_in_its_certificate(address: str, folders: tuple[Path, Path]) -> None:
    tls = tls_in(folders[1])
    assert await reached(address, tls)
    assert not await reached(address, rpc.Tls(cert=tls.cert, key=tls.key, ca=tls.ca))  # dialled by an address it does not name
    assert not await reached(address, rpc.Tls(cert=tls.cert, key=tls.key, ca=tls.ca, name="other.internal"))


async def test_a_key_of_another_certificate_is_a_settings_mistake(signers: tuple[Signer, Signer]) -> None:
    mixed = rpc.Tls(cert=signers[0].cert, key=signers[1].key, ca=signers[0].ca)
    for use in (lambda: rpc.listen(rpc.server(CREDENTIAL), "127.0.0.1:0", mixed), lambda: rpc.channel("127.0.0.1:1", CREDENTIAL, mixed)):
        with pytest.raises(SettingsError, match=r"^WAGGLE_TLS_CERT: .* does not go with WAGGLE_TLS_KEY"):
            use()
