"""One client's socket as the cell sees it."""

from collections import deque
from dataclasses import dataclass, field

from cells.runtime.bus.links import Link
from cells.runtime.gateway.states import State, Trigger, step
from cells.runtime.workload import Admitted, Tenant
from protos.tunnel.v1 import tunnel_pb2


@dataclass(eq=False, slots=True)
class Session:
    link: Link
    stream: int
    workspace_id: str
    state: State = State.HELLO
    seq: int = 0
    """Events up to here are not for it, or have been given to it."""
    groups: set[str] = field(default_factory=set)
    inbox: deque[str] = field(default_factory=deque)
    answering: bool = False
    counted: bool = False
    """The workload was told that it is here."""
    tenant: Tenant | None = None
    admitted: Admitted | None = None

    def advance(self, trigger: Trigger) -> None:
        self.state = step(self.state, trigger)

    @property
    def closed(self) -> bool:
        return self.state is State.CLOSED

    def tell(self, text: str, seq: int = 0) -> None:
        """Raises LinkFull."""
        self.link.send(tunnel_pb2.Frame(stream=self.stream, message=tunnel_pb2.Message(text=text, seq=seq)))

    def refuse(self, refusal: tunnel_pb2.Refusal) -> None:
        """Raises LinkFull."""
        self.link.send(tunnel_pb2.Frame(stream=self.stream, refusal=refusal))

    def hang_up(self, code: int, reason: str) -> None:
        """Raises LinkFull."""
        self.link.send(tunnel_pb2.Frame(stream=self.stream, close=tunnel_pb2.Close(code=code, reason=reason)))
