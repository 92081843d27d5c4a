"""Handing files out. Nothing a client sent is believed by a browser: no sniffing, no scripts, no origin of ours."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog

from cells.chat.domain.files.file import File, Thumb
from cells.chat.files.bodies import Headers, header, refuse
from cells.chat.files.dispositions import disposition
from cells.chat.files.kinds import inline_of
from cells.chat.files.ranges import Span, Unsatisfiable, range_still_meant, same_tag, span_of
from cells.chat.files.store import ObjectMissing, ObjectStore
from cells.runtime.workload import Scope, Send

SAFE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"accept-ranges", b"bytes"),
]
PRIVATE = (b"cache-control", b"private, no-cache")
"""Asked again each time, for who may see it now is decided each time; the tag spares the bytes."""
PUBLIC = (b"cache-control", b"public, max-age=60")
_log = structlog.get_logger("files")


@dataclass(frozen=True, slots=True)
class Handout:
    """What goes out, and as what."""

    key: str
    size: int
    etag: str
    name: str
    mimetype: str
    inline: bool
    caching: tuple[bytes, bytes] = PRIVATE

    @property
    def tag(self) -> str:
        return f'"{self.etag}"'

    @property
    def headers(self) -> Headers:
        kind = "text/plain; charset=utf-8" if self.mimetype == "text/plain" else self.mimetype or "application/octet-stream"
        return [
            (b"content-type", kind.encode()),
            (b"etag", self.tag.encode()),
            (b"content-disposition", disposition(self.name, inline=self.inline)),
            self.caching,
            *SAFE,
        ]


def whole(file: File, *, download: bool = False, public: bool = False) -> Handout:
    inline = not download and inline_of(file.mimetype, file.filetype if file.mimetype != "text/plain" else "text")
    return Handout(file.object_key, file.size, file.etag, file.name, file.mimetype, inline, PUBLIC if public else PRIVATE)


def thumbnail(file: File, edge: str, thumb: Thumb) -> Handout:
    return Handout(thumb.key, thumb.size, f"{file.etag[:32]}-{edge}", f"{edge}-{file.name}", thumb.mimetype, inline=True)


async def hand_out(store: ObjectStore, handout: Handout, scope: Scope, send: Send) -> None:
    headers = scope["headers"]
    if_none_match = header(headers, b"if-none-match")
    if if_none_match and same_tag(if_none_match, handout.tag):
        return await _head(send, 304, [h for h in handout.headers if h[0] in (b"etag", b"cache-control")])
    if store.redirects and scope["method"] == "GET" and handout.size:
        return await _head(send, 302, [(b"location", (await store.sign(handout.key)).encode()), (b"cache-control", b"no-store")])
    try:
        span = span_of(header(headers, b"range"), handout.size) if range_still_meant(header(headers, b"if-range"), handout.tag) else None
    except Unsatisfiable:
        return await refuse(send, 416, "range_not_satisfiable", [(b"content-range", b"bytes */%d" % handout.size)])
    return await _send(store, handout, span, scope, send)


async def _send(store: ObjectStore, handout: Handout, span: Span | None, scope: Scope, send: Send) -> None:
    taken = span or Span(0, handout.size)
    length = (b"content-length", b"%d" % (taken.end - taken.start))
    more = [(b"content-range", span.content_range(handout.size))] if span else []
    bodiless = scope["method"] == "HEAD" or taken.end == taken.start
    chunks = None if bodiless else store.read(handout.key, taken.start, taken.end)
    try:
        first = b"" if chunks is None else await anext(chunks)
    except (ObjectMissing, StopAsyncIteration):
        _log.error("a file's bytes are not in the store", key=handout.key)
        return await refuse(send, 404, "file_not_found")
    await send({"type": "http.response.start", "status": 206 if span else 200, "headers": [*handout.headers, length, *more]})
    await _stream(first, chunks, send)
    return None


async def _stream(first: bytes, rest: AsyncIterator[bytes] | None, send: Send) -> None:
    """A chunk is fetched when the one before it is on its way: the client's pace is the store's."""
    if rest is not None:
        async for chunk in rest:
            await send({"type": "http.response.body", "body": first, "more_body": True})
            first = chunk
    await send({"type": "http.response.body", "body": first, "more_body": False})


async def _head(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
