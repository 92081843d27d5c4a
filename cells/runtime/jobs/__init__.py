"""Work that follows the log, and work that waits for its time."""

from cells.runtime.jobs.due import DueWork, drop_due, plan_due
from cells.runtime.jobs.errands import Errands
from cells.runtime.jobs.followers import Followers

__all__ = ["DueWork", "Errands", "Followers", "drop_due", "plan_due"]
