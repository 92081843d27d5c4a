"""How the databases of cells keep: for waggle status and waggle cell show."""

from collections.abc import Iterable
from typing import Any

from control_plane.cli.printing import bytes_shown, say, show_table
from protos.admin.v1 import admin_pb2
from protos.directory.v1 import directory_pb2

COLUMNS = ("cell", "rows", "dead", "vacuumed", "tables", "indexes", "oldest snapshot", "ids left", "made ahead", "kept", "astray")
TABLE_COLUMNS = ("table", "rows", "dead", "vacuumed", "table", "indexes")


def show_upkeep(cells: Iterable[admin_pb2.Cell]) -> None:
    """One line a cell, and what holds partitions that are old enough to go."""
    told = [cell for cell in cells if cell.HasField("upkeep") and cell.state != "retired"]
    if not told:
        return
    say("")
    show_table("", COLUMNS, [_row(cell.name, cell.upkeep) for cell in told])
    for cell in told:
        for held in (line for each in cell.upkeep.partitions for line in each.held):
            say(f"{cell.name} keeps {held}", "yellow")


def show_tables(cell: admin_pb2.Cell) -> None:
    """The largest tables of one cell."""
    if not cell.HasField("upkeep"):
        return
    say("")
    show_table("", TABLE_COLUMNS, [(one.table, *_table(one)) for one in cell.upkeep.tables])
    if cell.upkeep.xmin_holder:
        say(f"the oldest snapshot, {cell.upkeep.xmin_age:,} transactions old, is of {cell.upkeep.xmin_holder}")


def _row(name: str, told: directory_pb2.Upkeep) -> tuple[object, ...]:
    ahead = ", ".join(f"{each.table} {each.ahead_days:.0f} d" for each in told.partitions)
    behind = ", ".join(f"{each.table} {each.behind_days:.0f} d" for each in told.partitions)
    astray = sum(each.default_rows for each in told.partitions)
    return name, *_table(told.total), f"{told.xmin_age:,}", f"{told.wraparound_left / 1e6:,.0f} M", ahead, behind, f"{astray:,}"


def _table(one: directory_pb2.TableFigures) -> tuple[object, ...]:
    share = one.dead_rows / max(1, one.dead_rows + one.live_rows)
    dead = f"{one.dead_rows:,} ({share:.0%})"
    return f"{one.live_rows:,}", dead, _age(one.vacuumed_age_s), bytes_shown(one.table_bytes), bytes_shown(one.index_bytes)


def _age(seconds: float) -> str:
    if seconds < 0:
        return "never"
    return (
        f"{seconds / 60:.0f} min ago"
        if seconds < 7_200
        else f"{seconds / 3600:.0f} h ago"
        if seconds < 172_800
        else f"{seconds / 86400:.0f} d ago"
    )


def upkeep_json(cell: admin_pb2.Cell) -> dict[str, Any] | None:
    """None where nobody has told."""
    if not cell.HasField("upkeep"):
        return None
    told = cell.upkeep
    return {
        "total": _table_json(told.total),
        "tables": [{"table": one.table} | _table_json(one) for one in told.tables],
        "partitions": [_partitions_json(one) for one in told.partitions],
        "xmin_age": told.xmin_age,
        "xmin_holder": told.xmin_holder,
        "frozen_age": told.frozen_age,
        "wraparound_left": told.wraparound_left,
    }


def _table_json(one: directory_pb2.TableFigures) -> dict[str, Any]:
    counted = {name: getattr(one, name) for name in ("live_rows", "dead_rows", "table_bytes", "index_bytes")}
    return counted | {"vacuumed_age_s": round(one.vacuumed_age_s, 1) if one.vacuumed_age_s >= 0 else None}


def _partitions_json(one: directory_pb2.PartitionFigures) -> dict[str, Any]:
    days = {name: round(getattr(one, name), 1) for name in ("ahead_days", "behind_days")}
    return {"table": one.table, "count": one.count, **days, "default_rows": one.default_rows, "held": list(one.held)}
