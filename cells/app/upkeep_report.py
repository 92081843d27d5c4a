"""What a worker's heartbeats say of its cell's database, looked at once in a while."""

from dataclasses import dataclass, field

from cells.app.upkeep import LOG, Upkeep
from cells.runtime.log import PartitionFigures, TableFigures, measure_upkeep
from cells.runtime.log.figures import LARGEST_MAX
from cells.runtime.tenancy import NotExecuted
from protos.directory.v1 import directory_pb2

EVERY_S = 60.0
HELD_MAX = 5


@dataclass
class UpkeepReport:
    upkeep: Upkeep
    _looked_s: float = field(default=float("-inf"))

    async def take(self) -> directory_pb2.Upkeep | None:
        """None where there is nothing new to say."""
        now_s = self.upkeep.clock.monotonic_s()
        if now_s - self._looked_s < EVERY_S:
            return None
        self._looked_s = now_s
        try:
            found = await measure_upkeep(self.upkeep.database, [LOG, *self.upkeep.emptied])
        except NotExecuted:
            return None  # looked at again in a while
        return directory_pb2.Upkeep(
            tables=map(_table, found.tables[:LARGEST_MAX]),
            total=_table(found.total),
            partitions=map(self._partitions, found.partitions),
            xmin_age=found.xmin_age,
            xmin_holder=found.xmin_holder,
            frozen_age=found.frozen_age,
            wraparound_left=found.wraparound_left,
        )

    def _partitions(self, found: PartitionFigures) -> directory_pb2.PartitionFigures:
        held = [f"{name}: {why}" for name, why in sorted(self.upkeep.held.items()) if name.startswith(f"{found.table}_")]
        return directory_pb2.PartitionFigures(
            table=found.table,
            count=found.count,
            ahead_days=found.ahead_days,
            behind_days=found.behind_days,
            default_rows=found.default_rows,
            held=held[:HELD_MAX],
        )


def _table(found: TableFigures) -> directory_pb2.TableFigures:
    return directory_pb2.TableFigures(
        table=found.table,
        live_rows=found.live_rows,
        dead_rows=found.dead_rows,
        table_bytes=found.table_bytes,
        index_bytes=found.index_bytes,
        vacuumed_age_s=found.vacuumed_age_s,
    )
