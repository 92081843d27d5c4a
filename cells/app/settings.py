"""What a cell's process is told by its environment."""

from dataclasses import dataclass, field
from pathlib import Path

from cells.chat.files.settings import FileSettings
from cells.chat.search.settings import SearchSettings
from chassis.mail import MailSettings
from chassis.rpc import Tls
from chassis.settings import Address, setting

PREFIXES = ("WAGGLE_CELL_", "WAGGLE_MAIL_")
ROLES = ("all", "api", "gateway", "worker")


@dataclass(frozen=True, kw_only=True)
class CellSettings:
    name: str = setting("WAGGLE_CELL_NAME", help="the cell this process belongs to")
    region: str = setting("WAGGLE_CELL_REGION", default="local", help="where the cell stands; placement goes by it")
    role: str = setting("WAGGLE_CELL_ROLE", default="all", choices=ROLES, help="what this process does")
    listen: Address = setting("WAGGLE_CELL_LISTEN", help="where gRPC is served, host:port")
    advertise: Address | None = setting("WAGGLE_CELL_ADVERTISE", default=None, help="where routers reach it; none: as listened")
    health: Address = setting("WAGGLE_CELL_HEALTH", help="where /livez, /readyz and /metrics are served, host:port")
    database_url: str = setting(
        "WAGGLE_CELL_DATABASE_URL", schemes=("postgresql",), help="postgresql://waggle_app:... of the cell", secret=True
    )
    owner_database_url: str | None = setting(
        "WAGGLE_CELL_OWNER_DATABASE_URL",
        default=None,
        schemes=("postgresql",),
        help="postgresql://... as the owner of its tables; none: nothing moves",
        secret=True,
    )
    database_connections: int = setting("WAGGLE_CELL_DATABASE_CONNECTIONS", default=12, min=2, max=200, help="size of the pool")
    redis_url: str | None = setting(
        "WAGGLE_CELL_REDIS_URL",
        default=None,
        schemes=("redis", "rediss", "unix"),
        help="redis://... of the cell; none: processes poll",
        secret=True,
    )
    control_plane: Address | None = setting("WAGGLE_CELL_CONTROL_PLANE", default=None, help="where heartbeats go; none: nowhere")
    rate_limits: float = setting(
        "WAGGLE_CELL_RATE_LIMITS", default=1.0, min=0, max=1_000_000, help="how many times the tiers' calls are allowed; 0: any number"
    )
    public_url: str = setting(
        "WAGGLE_CELL_PUBLIC_URL",
        default="http://127.0.0.1:8080",
        schemes=("http", "https"),
        help="where clients reach the edge; links in mail begin so",
    )
    log_days: int = setting(
        "WAGGLE_CELL_LOG_DAYS", default=35, min=8, max=36_500, help="how long the workspace log is kept once all its readers are past it"
    )
    drain_s: float = setting("WAGGLE_CELL_DRAIN_S", default=10.0, min=0, max=120, help="how long requests in flight may take at the end")
    token_file: Path = setting("WAGGLE_CLUSTER_TOKEN_FILE", help="file with the cluster's credential, mode 0600")
    build: str | None = setting("WAGGLE_BUILD", default=None, help="the version that this process says it is; none: its package's")
    log_level: str = setting("WAGGLE_LOG_LEVEL", default="info", choices=("debug", "info", "warning", "error"), help="least level logged")
    otlp_endpoint: str | None = setting("WAGGLE_OTLP_ENDPOINT", default=None, help="where traces go; none: nowhere")
    files: FileSettings = field(default_factory=FileSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    tls: Tls = field(default_factory=Tls)

    def plays(self, role: str) -> bool:
        return self.role in ("all", role)

    @property
    def roles(self) -> tuple[str, ...]:
        """What routers look for; `all` spelt out."""
        return ROLES[1:] if self.role == "all" else (self.role,)
