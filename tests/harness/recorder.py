"""A router that is only its books: takes a cell's frames as a link and keeps what each client's socket would have got."""

import asyncio
from dataclasses import dataclass, field
from itertools import count

from cells.runtime.bus.links import LinkFull
from cells.runtime.gateway import Gateway
from cells.runtime.tenancy import TenantScope
from protos.tunnel.v1 import tunnel_pb2

_ids = count(1)


@dataclass(eq=False)
class Client:
    """A person at a socket, across every link the socket's session has lived on."""

    user_id: str
    received: list[str] = field(default_factory=list)
    state: bytes = b""
    seq: int = 0
    groups: set[str] = field(default_factory=set)
    closed: int = 0
    refused: tunnel_pb2.Refusal | None = None
    head_before: int = 0
    """The log's head when a session was asked for anew, and `Opened.seq`: its place lies between the two."""
    first_seq: int | None = None

    def get(self, text: str, seq: int) -> None:
        self.received.append(text)
        self.seq = max(self.seq, seq)


class RecordingLink:
    """`held`: frames arrive only with `arrive`, so that a lost link loses what was on its way. `room` bounds those waiting."""

    def __init__(self, gateway: Gateway, *, held: bool = False, room: int = 1_000_000) -> None:
        self.id = next(_ids)
        self.closed = False
        self.gateway, self.held, self.room = gateway, held, room
        self.sessions: dict[int, Client] = {}
        self.opened: list[Client] = []
        """In groups here: what a client heard elsewhere counts from its `Opened` on."""
        self.frames: list[tunnel_pb2.Frame] = []
        self.waiting: list[tunnel_pb2.Frame] = []
        self._streams = count(1)

    # what the gateway sees

    def send(self, frame: tunnel_pb2.Frame) -> None:
        if self.closed:
            return
        if len(self.waiting) >= self.room:
            raise LinkFull
        self.waiting.append(tunnel_pb2.Frame.FromString(frame.SerializeToString()))
        if not self.held:
            self.arrive()

    def offer(self, frame: tunnel_pb2.Frame) -> bool:
        if len(self.waiting) > self.room // 2:
            return False
        self.send(frame)
        return True

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def abort(self, reason: str) -> None:
        self.lose()

    # what the test does

    async def open(self, client: Client, scope: TenantScope, *, after: int | None = None) -> int:
        """Ask for a session, anew or where the client was (`after`: as a client that comes back by itself); returns its stream."""
        stream = next(self._streams)
        self.sessions[stream] = client
        frame = tunnel_pb2.Open(workspace_id=scope.workspace_id, epoch=scope.epoch, path=b"/rtm", query=f"user={client.user_id}".encode())
        frame.state, frame.resume_seq = client.state, client.seq
        if after is not None:
            frame.query += f"&after={after}".encode()
        await self.gateway.on_open(self, stream, frame)
        return stream

    def say(self, stream: int, text: str) -> None:
        self.gateway.on_message(self, stream, tunnel_pb2.Message(text=text))

    def lose(self) -> list[Client]:
        """The tunnel breaks; what was on its way is gone. Returns whose sockets are still there."""
        if not self.closed:
            self.closed = True
            self.waiting.clear()
            self.gateway.on_link_lost(self)
        return [client for client in self.sessions.values() if not client.closed and client.refused is None]

    def arrive(self) -> None:
        waiting, self.waiting = self.waiting, []
        for frame in waiting:
            self.frames.append(frame)
            self._take(frame)

    def _take(self, frame: tunnel_pb2.Frame) -> None:
        match frame.WhichOneof("body"):
            case "opened":
                self._on_opened(self.sessions[frame.stream], frame.opened)
            case "message":
                self.sessions[frame.stream].get(frame.message.text, frame.message.seq)
            case "close":
                self.sessions[frame.stream].closed = frame.close.code
            case "refusal":
                self.sessions[frame.stream].refused = frame.refusal
            case "regroup":
                for stream in frame.regroup.sessions:
                    client = self.sessions[stream]
                    client.groups = (client.groups | set(frame.regroup.join)) - set(frame.regroup.leave)
                    client.state = frame.regroup.state or client.state
            case "broadcast":
                self._on_broadcast(frame.broadcast)
            case other:
                raise AssertionError(f"a gateway does not send {other}")

    def _on_opened(self, client: Client, opened: tunnel_pb2.Opened) -> None:
        client.received.extend(opened.messages)
        client.state, client.seq, client.groups = opened.state, opened.seq, set(opened.groups)
        self.opened.append(client)
        if client.first_seq is None:
            client.first_seq = opened.seq

    def _on_broadcast(self, broadcast: tunnel_pb2.Broadcast) -> None:
        for client in self.opened:
            fresh = not broadcast.seq or client.seq < broadcast.seq
            addressed = not client.groups.isdisjoint(broadcast.groups) and client.groups.isdisjoint(broadcast.without)
            if fresh and addressed and not client.closed:
                client.get(broadcast.text, broadcast.seq)
