"""Text as a WebSocket frame of a server: unmasked, whole, uncompressed (RFC 6455 section 5.2). The same bytes for every socket."""


class FrameCache:
    """The frame of the last text, so that an event for many sockets is framed once."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._frame = b""

    def of(self, text: str) -> bytes:
        if text is not self._text:
            self._text, self._frame = text, text_frame(text)
        return self._frame


def text_frame(text: str) -> bytes:
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
