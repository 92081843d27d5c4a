"""TLS for gRPC. A certificate and its key encrypt; a certificate authority beside them makes both sides prove themselves (mTLS)."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from chassis.errors import SettingsError
from chassis.settings import setting


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files. Nothing set: plain text, for loopback and for networks that encrypt beneath us."""

    cert: Path | None = setting("WAGGLE_TLS_CERT", default=None, help="this process's certificate (PEM)")
    key: Path | None = setting("WAGGLE_TLS_KEY", default=None, help="the key of WAGGLE_TLS_CERT (PEM)")
    ca: Path | None = setting(
        "WAGGLE_TLS_CA", default=None, help="who signs the other side's certificates (PEM); a server then demands mTLS"
    )

    @property
    def enabled(self) -> bool:
        return any((self.cert, self.key, self.ca))


def server_credentials(tls: Tls) -> grpc.ServerCredentials:
    """Raises SettingsError without a certificate and key; with a `ca` a client must show a certificate it signed."""
    cert, key, ca = _pair(tls)
    if cert is None or key is None:
        raise SettingsError("WAGGLE_TLS_CERT is not set; a server with WAGGLE_TLS_CA needs WAGGLE_TLS_CERT and WAGGLE_TLS_KEY")
    return grpc.ssl_server_credentials([(key, cert)], root_certificates=ca, require_client_auth=ca is not None)


def channel_credentials(tls: Tls) -> grpc.ChannelCredentials:
    """The server is checked against `ca` (or the system's roots); our certificate is shown when there is one."""
    cert, key, ca = _pair(tls)
    return grpc.ssl_channel_credentials(root_certificates=ca, private_key=key, certificate_chain=cert)


def _pair(tls: Tls) -> tuple[bytes | None, bytes | None, bytes | None]:
    if (tls.cert is None) != (tls.key is None):
        raise SettingsError("WAGGLE_TLS_CERT and WAGGLE_TLS_KEY go together; one is set without the other")
    return _pem(tls.cert, "WAGGLE_TLS_CERT"), _pem(tls.key, "WAGGLE_TLS_KEY"), _pem(tls.ca, "WAGGLE_TLS_CA")


def _pem(path: Path | None, variable: str) -> bytes | None:
    if path is None:
        return None
    try:
        text = path.read_bytes()
    except OSError as wrong:
        raise SettingsError(f"{variable}: {str(path)!r} cannot be read ({wrong.strerror}); it must be a PEM file") from None
    if b"-----BEGIN " not in text:
        raise SettingsError(f"{variable}: {str(path)!r} is not a PEM file")
    return text
