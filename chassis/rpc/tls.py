"""TLS for gRPC. A certificate and its key encrypt; a certificate authority beside them makes both sides prove themselves (mTLS)."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from chassis.errors import SettingsError
from chassis.rpc.certificates import Certificates, Pems
from chassis.settings import setting


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files, read again when they are replaced. Nothing set: plain text, for loopback and for networks that encrypt beneath us."""

    cert: Path | None = setting("WAGGLE_TLS_CERT", default=None, help="this process's certificate (PEM)")
    key: Path | None = setting("WAGGLE_TLS_KEY", default=None, help="the key of WAGGLE_TLS_CERT (PEM)")
    ca: Path | None = setting(
        "WAGGLE_TLS_CA", default=None, help="who signs the other side's certificates (PEM); a server then demands mTLS"
    )
    name: str | None = setting(
        "WAGGLE_TLS_NAME", default=None, help="the name in every server's certificate; none: the host that is dialled"
    )

    @property
    def enabled(self) -> bool:
        return any((self.cert, self.key, self.ca))

    @property
    def options(self) -> list[tuple[str, str]]:
        """Of channels. Pods are dialled by an address that no certificate can name beforehand."""
        return [] if self.name is None else [("grpc.ssl_target_name_override", self.name)]


def server_credentials(tls: Tls) -> grpc.ServerCredentials:
    """Raises SettingsError without a certificate and key; with a `ca` a client must show a certificate it signed.

    Asked at every handshake, so that files that were replaced count from the next connection on.
    """
    files = Certificates(tls)
    if files.pems.cert is None:
        raise SettingsError("WAGGLE_TLS_CERT is not set; a server with WAGGLE_TLS_CA needs WAGGLE_TLS_CERT and WAGGLE_TLS_KEY")

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        pems = files.renewed()
        return None if pems is None else _shown(pems)

    demands = tls.ca is not None
    return grpc.dynamic_ssl_server_credentials(_shown(files.pems), renewed, demands)  # type: ignore[arg-type]  # its stub forgets the None


def channel_credentials(pems: Pems) -> grpc.ChannelCredentials:
    """The server is checked against `ca` (or the system's roots); our certificate is shown when there is one."""
    return grpc.ssl_channel_credentials(root_certificates=pems.ca, private_key=pems.key, certificate_chain=pems.cert)


def _shown(pems: Pems) -> grpc.ServerCertificateConfiguration:
    pair = (pems.key or b"", pems.cert or b"")
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=pems.ca)
