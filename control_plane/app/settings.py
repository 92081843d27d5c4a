"""What the control plane's process is told by its environment."""

from dataclasses import dataclass, field
from pathlib import Path

from chassis.errors import SettingsError
from chassis.mail import MailSettings
from chassis.rpc import Tls
from chassis.settings import Address, setting
from control_plane.moves.pace import ALLOWED_MAX

PREFIXES = ("WAGGLE_CONTROL_", "WAGGLE_MAIL_")


@dataclass(frozen=True, kw_only=True)
class ControlSettings:
    listen: Address = setting("WAGGLE_CONTROL_LISTEN", help="where gRPC is served, host:port")
    health: Address = setting("WAGGLE_CONTROL_HEALTH", help="where /livez, /readyz and /metrics are served, host:port")
    database_url: str = setting("WAGGLE_CONTROL_DATABASE_URL", schemes=("postgresql",), help="postgresql://… of the registry", secret=True)
    database_connections: int = setting("WAGGLE_CONTROL_DATABASE_CONNECTIONS", default=8, min=2, max=100, help="size of the pool")
    home: Path | None = setting("WAGGLE_CONTROL_HOME", default=None, help="folder in which the local provisioner asks for cells")
    public_url: str = setting("WAGGLE_CONTROL_PUBLIC_URL", default="http://127.0.0.1:8080", help="where clients reach the edge")
    provisioner: str = setting("WAGGLE_CONTROL_PROVISIONER", default="none", choices=("none", "local", "applied"), help="who makes cells")
    token_file: Path = setting("WAGGLE_CLUSTER_TOKEN_FILE", help="file with the cluster's credential, mode 0600")
    log_level: str = setting("WAGGLE_LOG_LEVEL", default="info", choices=("debug", "info", "warning", "error"), help="least level logged")
    otlp_endpoint: str | None = setting("WAGGLE_OTLP_ENDPOINT", default=None, help="where traces go; none: nowhere")
    moves_max: float = setting(
        "WAGGLE_CONTROL_MOVES_MAX",
        default=ALLOWED_MAX,
        min=1,
        max=64,
        help="moves of one cell at once, at most; the pace finds how many",
    )
    move_pace: str = setting(
        "WAGGLE_CONTROL_MOVE_PACE", default="neighbours", choices=("neighbours", "none"), help="what holds moves back; none: nothing"
    )
    move_wal_budget_mb: int = setting(
        "WAGGLE_CONTROL_MOVE_WAL_BUDGET_MB", default=2048, min=1, max=1_000_000, help="WAL that a move may keep, MiB; past it it is aborted"
    )
    load_interval_s: float = setting(
        "WAGGLE_CONTROL_LOAD_INTERVAL_S", default=30.0, min=0.1, max=600, help="how often cells tell how busy each workspace is"
    )
    cell_events_per_s: float = setting(
        "WAGGLE_CONTROL_CELL_EVENTS_PER_S", default=1_000.0, min=0.001, max=1_000_000, help="events a second that fill a cell"
    )
    cell_connections: int = setting(
        "WAGGLE_CONTROL_CELL_CONNECTIONS", default=20_000, min=1, max=10_000_000, help="sockets that fill a cell"
    )
    cell_database_gb: float = setting(
        "WAGGLE_CONTROL_CELL_DATABASE_GB", default=200.0, min=0.001, max=1_000_000, help="GB of rows that fill a cell"
    )
    testing: bool = setting("WAGGLE_CONTROL_TESTING", default=False, help="allow what only tests may do")
    move_pauses: Path | None = setting("WAGGLE_CONTROL_MOVE_PAUSES", default=None, help="tests only: folder of points where moves stop")
    mail: MailSettings = field(default_factory=MailSettings)
    tls: Tls = field(default_factory=Tls)

    def __post_init__(self) -> None:
        """Raises SettingsError: a folder that can stop moves was never meant for people's platform."""
        if self.move_pauses is not None and not self.testing:
            raise SettingsError("WAGGLE_CONTROL_MOVE_PAUSES stops moves; it is allowed with WAGGLE_CONTROL_TESTING=1 only")
