"""An answer to a straight request, from the app's ASGI messages to bytes on the connection."""

import time
from collections.abc import Awaitable, Callable
from typing import Any
from wsgiref.handlers import format_date_time

from router.edge.straight import NAMES, Headers

NO_BODY = (204, 304)
_STATUS = {status: b"HTTP/1.1 %d \r\n" % status for status in range(200, 600)}

Write = Callable[[bytes], Awaitable[None]]


class MalformedAnswer(Exception):
    """The app's head or body cannot go on the wire as it is."""


class Date:
    """The Date header, made once a second (RFC 9110 section 6.6.1)."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second, self._line = second, b"date: %b\r\n\r\n" % format_date_time(second).encode("ascii")
        return self._line


DATE = Date()


class StraightReply:
    """ASGI's `send` for one request. A whole answer leaves in one write."""

    __slots__ = ("_chunked", "_head", "_left", "_write", "close", "ended", "started")

    def __init__(self, write: Write) -> None:
        self._write = write
        self._head: bytes | None = None
        self._left: int | None = None
        self._chunked = False
        self.started = self.ended = self.close = False
        """`started`: bytes may have left. `close`: the app said `connection: close`."""

    async def send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "http.response.start" and self._head is None and not self.started:
            self._on_start(message["status"], message["headers"])
        elif kind == "http.response.body" and not self.ended and (self.started or self._head is not None):
            await self._on_body(message.get("body", b""), last=not message.get("more_body", False))
        else:
            raise MalformedAnswer(f"{kind} where none belongs")

    def _on_start(self, status: int, headers: Headers) -> None:
        lines = [_STATUS[status]]
        bodiless = status in NO_BODY
        for name, value in headers:
            known = NAMES.get(name)
            if known is None or known == b"transfer-encoding":
                raise MalformedAnswer(f"header {name!r}")
            if known == b"content-length":
                if bodiless:
                    continue
                self._on_length(value)
            elif known == b"connection":
                self.close = value.lower() == b"close"
            lines.append(b"%b: %b\r\n" % (known, value))
        if bodiless:
            self._left = 0
        elif self._left is None:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines) or b"\0" in head:
            raise MalformedAnswer("a line break in a header")
        self._head = head + DATE.line()

    def _on_length(self, value: bytes) -> None:
        if self._left is not None or not value.isdigit():
            raise MalformedAnswer(f"content-length {value!r}")
        self._left = int(value)

    async def _on_body(self, chunk: bytes, *, last: bool) -> None:
        if self._left is not None:
            self._left -= len(chunk)
            if self._left < 0 or (last and self._left):
                raise MalformedAnswer("the body is not as long as its head said")
        data = self._framed(chunk, last=last) if self._chunked else chunk
        head, self._head = self._head, None
        self.started, self.ended = True, last
        await self._write(data if head is None else head + data)

    @staticmethod
    def _framed(chunk: bytes, *, last: bool) -> bytes:
        """RFC 9112 section 7.1; an empty chunk would end the body, so none is sent before its end."""
        framed = b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunk else b""
        return framed + b"0\r\n\r\n" if last else framed


FAILED = b"HTTP/1.1 500 \r\ncontent-length: 0\r\nconnection: close\r\n"


async def fail(reply: StraightReply) -> None:
    """500 where nothing has left yet; what has begun is left unfinished, and its connection must close."""
    if not reply.started:
        reply.started = reply.ended = True
        await reply._write(FAILED + DATE.line())
