"""The tunnel's server: frames from a router -> ASGI app in this process -> frames."""

from cells.runtime.ingress.link import RequireTenant
from cells.runtime.ingress.server import Ingress
from cells.runtime.ingress.tally import Interval, Tally

__all__ = ["Ingress", "Interval", "RequireTenant", "Tally"]
