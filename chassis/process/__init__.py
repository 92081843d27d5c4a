"""The life of a process: signals, ready or not, drain, and a health server."""

from chassis.process.health import serving_health
from chassis.process.lifecycle import Lifecycle
from chassis.process.running import run

__all__ = ["Lifecycle", "run", "serving_health"]
