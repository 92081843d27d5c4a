"""What is really there, asked of the databases themselves: neither a cell nor the control plane is believed."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from cells.chat.domain.catalogue import chat_tables
from cells.runtime.transfer import travelling
from cells.runtime.transfer.ownership import CLOSED
from control_plane.provision.layout import Layout
from control_plane.provision.postgres import Postgres

ASK_S_MAX = 10.0
TABLES = travelling(chat_tables())
LEFT = f"""
SELECT 'publication ' || pubname FROM pg_publication
UNION ALL SELECT 'subscription ' || subname FROM pg_subscription
UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots
UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE 'waggle_mv%'
UNION ALL SELECT 'mark ' || name FROM cursors WHERE name LIKE 'move:%' AND seq < {CLOSED}
"""
"""A mark that is closed stays for a day where the workspace is at home: an order that comes late is refused by it."""
COUNTED = " UNION ALL ".join(
    f"SELECT '{table.name}' AS name, count(*) AS n FROM \"{table.name}\" WHERE workspace_id = $1" for table in TABLES
)


@dataclass(frozen=True, slots=True)
class Home:
    """Where the registry says a workspace lives."""

    cell: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Databases:
    """The owners' ways into every PostgreSQL of a platform."""

    home: Path

    def url(self, service: str) -> str:
        """`cell-1` or `control-plane`."""
        layout, ports = Layout(self.home), json.loads((self.home / "ports.json").read_text())
        folder = layout.control_plane if service == "control-plane" else layout.cell(service)
        return Postgres(folder / "postgres", ports[f"{service}-postgres"]).url()

    async def fetch(self, service: str, query: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.url(service), timeout=ASK_S_MAX)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments, timeout=ASK_S_MAX)
            return found
        finally:
            await connection.close(timeout=ASK_S_MAX)

    async def home_of(self, workspace_id: str) -> Home:
        (row,) = await self.fetch("control-plane", "SELECT cell, epoch FROM workspaces WHERE id = $1", workspace_id)
        return Home(row["cell"], row["epoch"])

    async def census(self, workspace_id: str, cells: tuple[str, ...]) -> list[str]:
        """All that is not as it must be once a move is over, in words; empty: all is well."""
        home = await self.home_of(workspace_id)
        each = await asyncio.gather(*(self._census(name, workspace_id, home) for name in cells))
        return [line for lines in each for line in lines]

    async def _census(self, cell: str, workspace_id: str, home: Home) -> list[str]:
        found = [f"{row[0]} in {cell}" for row in await self.fetch(cell, LEFT)]
        rows = await self.fetch(cell, "SELECT state, epoch FROM tenancy WHERE workspace_id = $1", workspace_id)
        tenancy = tuple(rows[0]) if rows else ("", 0)
        if cell == home.cell:
            return found if tenancy == ("active", home.epoch) else [*found, f"{cell} is home at {home.epoch} and says {tenancy}"]
        if tenancy[0] not in ("", "moved"):
            found.append(f"{cell} is not home and says {tenancy}")
        counted = await self.fetch(cell, COUNTED, workspace_id)
        return found + [f"{row['n']} rows of {row['name']} in {cell}" for row in counted if row["n"]]
