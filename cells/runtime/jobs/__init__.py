"""Work that follows the log, and work that waits for its time."""

from cells.runtime.jobs.consumer import Consumer, Handle
from cells.runtime.jobs.due import DueWork, drop_due, plan_due

__all__ = ["Consumer", "DueWork", "Handle", "drop_due", "plan_due"]
