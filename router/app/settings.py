"""Every variable that a router reads."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chassis.errors import SettingsError
from chassis.rpc import Tls
from chassis.settings import Address, load, setting
from router.edge.connection import Patience
from router.edge.http import HttpSettings
from router.edge.limits import Rate
from router.edge.serving import ServingSettings
from router.edge.sockets import SocketSettings

PREFIX = "WAGGLE_ROUTER_"
PATIENT_SHARE = 0.95
"""Of two ping periods; the rest is for the sweep that looks once a second."""


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    address_per_s: float = setting(
        "WAGGLE_ROUTER_ADDRESS_RATE", default=200.0, min=0, help="requests a second for one address; 0: no limit"
    )
    address_burst: int = setting("WAGGLE_ROUTER_ADDRESS_BURST", default=1000, min=1, help="requests at once for one address")
    loopback_per_s: float = setting(
        "WAGGLE_ROUTER_LOOPBACK_RATE", default=0.0, min=0, help="requests a second for one loopback address; 0: no limit"
    )
    workspace_per_s: float = setting(
        "WAGGLE_ROUTER_WORKSPACE_RATE", default=0.0, min=0, help="requests a second for one workspace; 0: no limit"
    )
    workspace_burst: int = setting("WAGGLE_ROUTER_WORKSPACE_BURST", default=5000, min=1, help="requests at once for one workspace")

    @property
    def address(self) -> Rate:
        return Rate(self.address_per_s, self.address_burst)

    @property
    def loopback(self) -> Rate:
        return Rate(self.loopback_per_s, self.address_burst)

    @property
    def workspace(self) -> Rate:
        return Rate(self.workspace_per_s, self.workspace_burst)


@dataclass(frozen=True, kw_only=True)
class EdgeSettings:
    domain: str = setting("WAGGLE_ROUTER_DOMAIN", default="localhost", help="workspaces are also reached at NAME.<domain>")
    body_bytes_max: int = setting("WAGGLE_ROUTER_BODY_BYTES_MAX", default=1 << 20, min=1024, help="largest body of an API call")
    upload_bytes_max: int = setting(
        "WAGGLE_ROUTER_UPLOAD_BYTES_MAX", default=(1 << 30) + (1 << 20), min=1024, help="largest body elsewhere (files)"
    )
    body_wait_s: float = setting("WAGGLE_ROUTER_BODY_WAIT_S", default=20.0, min=1, help="how long a client may take to send a body")
    deadline_ms: int = setting("WAGGLE_ROUTER_DEADLINE_MS", default=30_000, min=100, max=300_000, help="how long a cell may take to answer")
    trusted_proxies: tuple[str, ...] = setting(
        "WAGGLE_ROUTER_TRUSTED_PROXIES", default=(), help="addresses whose X-Forwarded-For is believed, with commas"
    )
    cors_origins: tuple[str, ...] = setting("WAGGLE_ROUTER_CORS_ORIGINS", default=("*",), help="pages that may call, with commas; *: any")
    compression: bool = setting("WAGGLE_ROUTER_WEBSOCKET_COMPRESSION", default=False, help="accept permessage-deflate when offered")
    connections_max: int = setting("WAGGLE_ROUTER_CONNECTIONS_MAX", default=20_000, min=1, help="open connections in one worker")
    ping_s: float = setting(
        "WAGGLE_ROUTER_PING_S", default=30.0, min=1, max=300, help="between pings on a WebSocket; silent for twice that, it is cut"
    )
    drain_s: float = setting("WAGGLE_ROUTER_DRAIN_S", default=10.0, min=0, max=25, help="time to finish what is in flight at the end")
    certificate: Path | None = setting("WAGGLE_ROUTER_CERTIFICATE", default=None, help="PEM chain; with it TLS and HTTP/2 are served")
    key: Path | None = setting("WAGGLE_ROUTER_KEY", default=None, help="the key of WAGGLE_ROUTER_CERTIFICATE (PEM)")

    @property
    def http(self) -> HttpSettings:
        return HttpSettings(
            domain=self.domain,
            body_bytes_max=self.body_bytes_max,
            upload_bytes_max=self.upload_bytes_max,
            body_wait_s=self.body_wait_s,
            deadline_ms=self.deadline_ms,
            trusted_proxies=frozenset(self.trusted_proxies),
            cors_origins=self.cors_origins,
        )

    @property
    def sockets(self) -> SocketSettings:
        return SocketSettings(sockets_max=self.connections_max, trusted_proxies=frozenset(self.trusted_proxies))

    @property
    def serving(self) -> ServingSettings:
        return ServingSettings(
            connections_max=self.connections_max,
            compression=self.compression,
            drain_s=self.drain_s,
            patience=Patience(ping_s=self.ping_s, silence_s=2 * self.ping_s * PATIENT_SHARE),
            certificate=self.certificate,
            key=self.key,
        )


@dataclass(frozen=True, kw_only=True)
class RouterSettings:
    listen: Address = setting("WAGGLE_ROUTER_LISTEN", default=Address("127.0.0.1", 8080), help="where clients connect, host:port")
    health: Address = setting(
        "WAGGLE_ROUTER_HEALTH",
        default=Address("127.0.0.1", 0),
        help="/livez, /readyz and /metrics, host:port; worker N listens at port + N",
    )
    control_plane: Address = setting("WAGGLE_ROUTER_CONTROL_PLANE", help="the control plane's gRPC server, host:port")
    home: Path = setting("WAGGLE_ROUTER_HOME", help="the directory that holds the routes")
    router_id: str = setting("WAGGLE_ROUTER_ID", default="", help="this router's name in the fleet; empty: host and port")
    workers: int = setting("WAGGLE_ROUTER_WORKERS", default=1, min=1, max=64, help="processes that share the listening socket")
    token_file: Path = setting("WAGGLE_CLUSTER_TOKEN_FILE", help="the file with the cluster's credential")
    log_level: str = setting("WAGGLE_LOG_LEVEL", default="info", choices=("debug", "info", "warning", "error"), help="least level logged")
    otlp_endpoint: str | None = setting("WAGGLE_OTLP_ENDPOINT", default=None, help="where traces go; empty: nowhere")
    edge: EdgeSettings = field(default_factory=EdgeSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    tls: Tls = field(default_factory=Tls)


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What the parent tells a worker; nobody else sets these."""

    index: int = setting("WAGGLE_ROUTER_WORKER", default=0, min=0, help="which worker this is (set by the parent)")
    listen_fd: int = setting("WAGGLE_ROUTER_LISTEN_FD", default=-1, help="the inherited listening socket (set by the parent)")
    parent_fd: int = setting("WAGGLE_ROUTER_PARENT_FD", default=-1, help="ends when the parent does (set by the parent)")


@dataclass(frozen=True, kw_only=True)
class Settings:
    router: RouterSettings
    worker: WorkerSettings


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingsError."""
    settings = load(Settings, environ, prefixes=(PREFIX,))
    edge = settings.router.edge
    if (edge.certificate is None) != (edge.key is None):
        raise SettingsError("WAGGLE_ROUTER_CERTIFICATE and WAGGLE_ROUTER_KEY go together; one is set without the other")
    return settings
