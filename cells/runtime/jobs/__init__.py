"""Work that follows the log."""

from cells.runtime.jobs.consumer import Consumer, Handle

__all__ = ["Consumer", "Handle"]
