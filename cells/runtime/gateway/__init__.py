"""Sessions: clients' sockets, the groups they hear, and how they resume elsewhere."""

from cells.runtime.gateway.closes import CloseCode
from cells.runtime.gateway.gateway import Gateway, open_gateway
from cells.runtime.gateway.limits import Limits

__all__ = ["CloseCode", "Gateway", "Limits", "open_gateway"]
