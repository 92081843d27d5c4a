"""A request's body as it streams in, and plain answers."""

from collections.abc import AsyncIterator

from cells.runtime.workload import Receive, Send

Headers = list[tuple[bytes, bytes]]


class ClientGone(Exception):
    """The client hung up before its body was here."""


async def body_of(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        if chunk := message.get("body", b""):
            yield chunk
        if not message.get("more_body"):
            return


def header(headers: Headers, name: bytes) -> str:
    """Empty where there is none."""
    return next((value.decode("latin-1") for found, value in headers if found == name), "")


async def answer(send: Send, status: int, text: str, headers: Headers | None = None, kind: bytes = b"text/plain; charset=utf-8") -> None:
    body = text.encode()
    given = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"x-content-type-options", b"nosniff"), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, status: int, error: str, headers: Headers | None = None) -> None:
    """As Slack's API words it, with a status that a downloader understands."""
    more = [(b"cache-control", b"no-store"), *(headers or [])]
    await answer(send, status, f'{{"ok":false,"error":"{error}"}}', more, b"application/json; charset=utf-8")
