"""Load by workspace. Events a second are a decaying average of what is reported: a report may come twice, late or never."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.identity import CellName, ProcessId, WorkspaceId
from control_plane.registry.facts import HEARTBEAT_SILENCE_S_MAX
from control_plane.registry.load_facts import DECAY_S, KNOWN_S_MIN, LoadReport, PlacedLoad, Rest

# The first report only says where counting begins. A cell that a workspace has left is not listened to. Rows are taken in one
# order, so that two processes of a cell never wait for one another in a circle.
_SEQS = text("""
INSERT INTO workspace_loads AS held (workspace_id, seq, events_per_s, bytes, since, at)
SELECT told.id, told.seq, 0, coalesce(told.bytes, 0), clock_timestamp(), clock_timestamp()
FROM unnest(CAST(:ids AS text[]), CAST(:seqs AS bigint[]), CAST(:sizes AS bigint[])) AS told (id, seq, bytes)
JOIN workspaces ON workspaces.id = told.id AND workspaces.cell = :cell
ORDER BY told.id
ON CONFLICT (workspace_id) DO UPDATE SET
  seq = greatest(held.seq, excluded.seq),
  events_per_s = held.events_per_s * exp(-greatest(extract(epoch FROM excluded.at - held.at), 0) / :decay_s)
    + greatest(excluded.seq - held.seq, 0) / :decay_s,
  bytes = CASE WHEN excluded.bytes > 0 THEN excluded.bytes ELSE held.bytes END,
  at = greatest(held.at, excluded.at)
""")
_CONNECTIONS = text("""
INSERT INTO workspace_connections (cell, process_id, workspace_id, connections)
SELECT process.cell, process.process_id, told.id, told.connections
FROM unnest(CAST(:ids AS text[]), CAST(:connections AS integer[])) AS told (id, connections)
JOIN workspaces ON workspaces.id = told.id
JOIN cell_processes process ON process.cell = :cell AND process.process_id = :process_id
ORDER BY told.id
ON CONFLICT (cell, process_id, workspace_id) DO UPDATE SET connections = excluded.connections
""")
_DISCONNECTED = text(
    "DELETE FROM workspace_connections WHERE cell = :cell AND process_id = :process_id AND workspace_id = ANY(CAST(:ids AS text[]))"
)
_NOW = "clock_timestamp()"
_EVENTS = f"""coalesce(held.events_per_s * exp(-extract(epoch FROM {_NOW} - held.at) / :decay_s)
  / (1 - exp(-greatest(extract(epoch FROM {_NOW} - held.since), :known_s) / :decay_s)), 0)"""
_PLACED = f"""
SELECT workspaces.id, workspaces.state = 'active' AS active, moves.id IS NOT NULL AS moving,
  CASE WHEN moves.state = 'running' AND NOT coalesce((moves.facts->>'failed') IS NOT NULL, false)
    AND NOT coalesce((moves.facts->>'back')::boolean, false) THEN moves.target ELSE workspaces.cell END AS cell,
  coalesce(workspaces.pins->>'cell', '') AS pin, workspaces.region, {_EVENTS} AS events_per_s,
  coalesce(connected.total, 0) AS connections, coalesce(held.bytes, 0) AS bytes
FROM workspaces
LEFT JOIN workspace_loads held ON held.workspace_id = workspaces.id
LEFT JOIN moves ON moves.workspace_id = workspaces.id AND moves.ended_at IS NULL
LEFT JOIN LATERAL (
  SELECT sum(one.connections) AS total FROM workspace_connections one JOIN cell_processes USING (cell, process_id)
  WHERE one.workspace_id = workspaces.id AND cell_processes.heartbeat_at > {_NOW} - make_interval(secs => :silence_s)
) connected ON true
WHERE workspaces.state <> 'gone'
"""  # noqa: S608 - of constants
_PAGE = text(f"{_PLACED} AND workspaces.id > :after ORDER BY workspaces.id LIMIT :rows")
_ONE = text(f"{_PLACED} AND workspaces.id = :id")
_CARRIED = text(f"""
SELECT cell, count(*) AS workspaces, sum(events_per_s) AS events_per_s, sum(connections) AS connections, sum(bytes) AS bytes
FROM ({_PLACED} AND workspaces.id IN (
  SELECT id FROM workspaces WHERE cell = ANY(CAST(:cells AS text[]))
  UNION SELECT workspace_id FROM moves WHERE ended_at IS NULL AND target = ANY(CAST(:cells AS text[]))
)) placed GROUP BY cell
""")  # noqa: S608
_RESTS = text("""
SELECT workspace_id, max(created_at) AS moved_at, extract(epoch FROM clock_timestamp() - max(created_at)) AS moved_age_s,
  sum(coalesce((facts->>'pause_ms')::float8, 0)) AS paused_ms
FROM moves WHERE created_at > clock_timestamp() - make_interval(secs => :within_s) AND :id IN ('', workspace_id) GROUP BY workspace_id
""")
_PAUSE = text("""
SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY pause_ms) AS p90 FROM (
  SELECT (facts->>'pause_ms')::float8 AS pause_ms FROM moves WHERE facts ? 'pause_ms' ORDER BY created_at DESC LIMIT 200
) latest HAVING count(*) >= 5
""")
_NAMES = text("SELECT id, subdomain FROM workspaces WHERE id = ANY(CAST(:ids AS text[]))")
_READ = {"decay_s": DECAY_S, "known_s": KNOWN_S_MIN, "silence_s": HEARTBEAT_SILENCE_S_MAX}


class Loads:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def record(self, cell: str, process_id: ProcessId, reports: Sequence[LoadReport]) -> None:
        """Those of one process. Of workspaces that live elsewhere nothing is kept."""
        of_cell = {"cell": cell, "process_id": process_id}
        grown = [report for report in reports if report.seq is not None]
        open_ = [report for report in reports if report.connections]
        closed = [report.workspace_id for report in reports if report.connections == 0]
        async with self._engine.begin() as connection:
            if grown:
                told = {"ids": [r.workspace_id for r in grown], "seqs": [r.seq for r in grown], "sizes": [r.bytes for r in grown]}
                await connection.execute(_SEQS, {"cell": cell, "decay_s": DECAY_S, **told})
            if open_:
                connected = {"ids": [r.workspace_id for r in open_], "connections": [r.connections for r in open_]}
                await connection.execute(_CONNECTIONS, {**of_cell, **connected})
            if closed:
                await connection.execute(_DISCONNECTED, {**of_cell, "ids": closed})

    async def page(self, after: str, rows: int) -> list[PlacedLoad]:
        """In order of id, those after `after`; of workspaces that are not gone."""
        async with self._engine.connect() as connection:
            return [_placed(row) for row in await connection.execute(_PAGE, {**_READ, "after": after, "rows": rows})]

    async def get(self, workspace_id: WorkspaceId) -> PlacedLoad | None:
        async with self._engine.connect() as connection:
            row = (await connection.execute(_ONE, {**_READ, "id": workspace_id})).one_or_none()
        return None if row is None else _placed(row)

    async def carried(self, cells: Sequence[str]) -> Mapping[str, tuple[float, float, float, float]]:
        """(workspaces, events/s, connections, bytes) of each; workspaces that are being moved count where they go."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(_CARRIED, {**_READ, "cells": list(cells)})
            found = {row.cell: (float(row.workspaces), float(row.events_per_s), float(row.connections), float(row.bytes)) for row in rows}
        return {cell: found.get(cell, (0.0, 0.0, 0.0, 0.0)) for cell in cells}

    async def rests(self, within_s: float, workspace_id: str = "") -> Mapping[str, Rest]:
        """Of the workspaces that were moved within that time; of one alone where it is named."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(_RESTS, {"within_s": within_s, "id": workspace_id})
            return {row.workspace_id: Rest(row.moved_at, float(row.moved_age_s), float(row.paused_ms)) for row in rows}

    async def pause_ms(self) -> float | None:
        """What nine of ten of the latest moves stayed below; None with fewer than five measured."""
        async with self._engine.connect() as connection:
            found = (await connection.execute(_PAUSE)).scalar_one_or_none()
        return None if found is None else float(found)

    async def names(self, ids: Sequence[str]) -> Mapping[str, str]:
        async with self._engine.connect() as connection:
            return {row.id: row.subdomain for row in await connection.execute(_NAMES, {"ids": list(ids)})}


def _placed(row: object) -> PlacedLoad:
    of = row._mapping  # type: ignore[attr-defined]
    return PlacedLoad(
        workspace_id=WorkspaceId(of["id"]),
        cell=CellName(of["cell"]),
        active=of["active"],
        moving=of["moving"],
        pin=of["pin"],
        region=of["region"],
        events_per_s=float(of["events_per_s"]),
        connections=float(of["connections"]),
        bytes=float(of["bytes"]),
    )
