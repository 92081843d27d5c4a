"""Notes: the smallest workload. One table, two routes, one event; everything else is the cell's."""

from examples.notes.workload import notes

__all__ = ["notes"]
