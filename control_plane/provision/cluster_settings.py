"""What a cell's PostgreSQL is told. `ALTER SYSTEM` overrides it, since postgresql.auto.conf is read last."""

from dataclasses import dataclass

import psutil

BUFFERS_MB = (128, 512)
BUFFERS_SHARE = 32
"""Of the machine's memory a server may keep one part in so many, within BUFFERS_MB: several cells fit on one laptop."""


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    durable: bool = True
    """False only for tests: survives a killed process, not a power cut."""
    follows_moves: bool = True
    """False: no subscription is followed."""
    shared_buffers_mb: int | None = None
    """None: by the machine's memory; the least for tests."""
    connections_max: int = 200

    def text(self) -> str:
        """The whole of postgresql.conf."""
        lines = [
            "# Written by waggle at every start. To change a setting, use ALTER SYSTEM.",
            *(f"{k} = '{v}'" for k, v in self.values().items()),
        ]
        return "\n".join(lines) + "\n"

    def values(self) -> dict[str, str]:
        return {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": str(self.connections_max),
            "shared_buffers": f"{self.shared_buffers_mb or self._buffers_mb()}MB",
            "password_encryption": "scram-sha-256",
            **REPLICATION,
            **({} if self.follows_moves else {"max_logical_replication_workers": "0"}),
            **VACUUM,
            **REST,
            **({} if self.durable else FORGETFUL),
        }

    def _buffers_mb(self) -> int:
        return buffers_mb(psutil.virtual_memory().total) if self.durable else BUFFERS_MB[0]


def buffers_mb(memory_bytes: int) -> int:
    """What a search reads should be found here: fetched from the system's cache it takes half as much CPU again."""
    return min(max(memory_bytes // 1_048_576 // BUFFERS_SHARE, BUFFERS_MB[0]), BUFFERS_MB[1])


# A move copies a workspace by logical replication, several at once; a slot that nobody reads may hold this much and no more.
REPLICATION = {
    "wal_level": "logical",
    "max_replication_slots": "64",
    "max_wal_senders": "64",
    "max_logical_replication_workers": "32",
    "max_worker_processes": "48",
    "max_slot_wal_keep_size": "4GB",
}
# The tenancy row of a busy workspace is updated by every batch: its dead versions must go at once.
VACUUM = {
    "autovacuum_naptime": "5s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "2000",
}
# What is read lies in the system's cache mostly: to hand each page to a worker takes more CPU than to fetch it, and waits for a turn.
REST = {
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "jit": "off",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "client_connection_check_interval": "5s",
    "tcp_keepalives_idle": "30",
}
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
