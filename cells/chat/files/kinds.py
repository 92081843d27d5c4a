"""What a file is, from its first bytes: what a client or a name says counts only where the bytes allow it.

A table of our own: libmagic is a C library with a long record of holes that would read hostile bytes in the serving process, and
the pure tables to be had know hundreds of types that change nothing here. What is not known is `application/octet-stream`.
"""

import codecs
import re
from dataclasses import dataclass

from cells.chat.domain.files.types import type_of_text

HEAD_BYTES = 4096
PREVIEW_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Kind:
    mimetype: str
    filetype: str
    inline: bool = False
    """A browser may show it in the page's own origin: it holds no script."""


BINARY = Kind("application/octet-stream", "binary")
HTML = Kind("text/html", "html")
SVG = Kind("image/svg+xml", "svg")
XML = Kind("application/xml", "xml")
ZIP = Kind("application/zip", "zip")
_OFFICE = "application/vnd.openxmlformats-officedocument."
IN_ZIP = {
    b"word/": Kind(f"{_OFFICE}wordprocessingml.document", "docx"),
    b"xl/": Kind(f"{_OFFICE}spreadsheetml.sheet", "xlsx"),
    b"ppt/": Kind(f"{_OFFICE}presentationml.presentation", "pptx"),
    b"mimetypeapplication/vnd.oasis.opendocument.text": Kind("application/vnd.oasis.opendocument.text", "odt"),
}
SIGNATURES: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", Kind("image/png", "png", inline=True)),
    (0, b"\xff\xd8\xff", Kind("image/jpeg", "jpg", inline=True)),
    (0, b"GIF87a", Kind("image/gif", "gif", inline=True)),
    (0, b"GIF89a", Kind("image/gif", "gif", inline=True)),
    (8, b"WEBPVP8", Kind("image/webp", "webp", inline=True)),
    (8, b"WAVE", Kind("audio/wav", "wav", inline=True)),
    (4, b"ftypavif", Kind("image/avif", "avif", inline=True)),
    (4, b"ftypheic", Kind("image/heic", "heic")),
    (4, b"ftypM4A", Kind("audio/mp4", "m4a", inline=True)),
    (4, b"ftypqt", Kind("video/quicktime", "mov")),
    (4, b"ftyp", Kind("video/mp4", "mp4", inline=True)),
    (0, b"\x1aE\xdf\xa3", Kind("video/webm", "webm", inline=True)),
    (0, b"OggS", Kind("audio/ogg", "ogg", inline=True)),
    (0, b"ID3", Kind("audio/mpeg", "mp3", inline=True)),
    (0, b"\xff\xfb", Kind("audio/mpeg", "mp3", inline=True)),
    (0, b"fLaC", Kind("audio/flac", "flac", inline=True)),
    (0, b"BM", Kind("image/bmp", "bmp", inline=True)),
    (0, b"II*\x00", Kind("image/tiff", "tiff")),
    (0, b"MM\x00*", Kind("image/tiff", "tiff")),
    (0, b"\x00\x00\x01\x00", Kind("image/vnd.microsoft.icon", "ico")),
    (0, b"%PDF-", Kind("application/pdf", "pdf")),
    (0, b"PK\x03\x04", ZIP),
    (0, b"PK\x05\x06", ZIP),
    (0, b"\x1f\x8b", Kind("application/gzip", "gzip")),
    (0, b"BZh", Kind("application/x-bzip2", "bz2")),
    (0, b"\xfd7zXZ\x00", Kind("application/x-xz", "xz")),
    (0, b"(\xb5/\xfd", Kind("application/zstd", "zst")),
    (0, b"7z\xbc\xaf'\x1c", Kind("application/x-7z-compressed", "7z")),
    (0, b"Rar!\x1a\x07", Kind("application/vnd.rar", "rar")),
    (257, b"ustar", Kind("application/x-tar", "tar")),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind("application/msword", "doc")),
)
_MARKUP = re.compile(r"\s*(?:<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|script|iframe|svg|\?xml)", re.IGNORECASE | re.DOTALL)
_ACTIVE = re.compile(r"<\s*(?:script|iframe|html|body|svg)[\s>]", re.IGNORECASE)


def kind_of(head: bytes, name: str) -> Kind:
    """`head`: the first HEAD_BYTES, or all of it. The name tells one kind of text from another, and nothing else."""
    for offset, magic, kind in SIGNATURES:
        if head.startswith(magic, offset) and not (magic == b"BM" and text_of(head) is not None):
            return _in_zip(head) if kind is ZIP else kind
    text = text_of(head)
    if text is None:
        return BINARY
    return _markup(text) or Kind("text/plain", type_of_text(name), inline=True)


def inline_of(mimetype: str, filetype: str) -> bool:
    """Whether a file that was seen to be this may be shown, not only saved."""
    if mimetype == "text/plain":
        return True
    return any(kind.inline for _, _, kind in SIGNATURES if kind.mimetype == mimetype and kind.filetype == filetype)


def text_of(head: bytes) -> str | None:
    """None where it is no text: UTF-8 (the last character may be cut), without control characters."""
    if b"\x00" in head:
        return None
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return None
    return None if any(letter < " " and letter not in "\t\n\r\x0c\x1b\b" for letter in text) else text


def preview_of(head: bytes) -> str:
    return (text_of(head) or "")[:PREVIEW_CHARACTERS]


def _in_zip(head: bytes) -> Kind:
    return next((kind for mark, kind in IN_ZIP.items() if mark in head), ZIP)


def _markup(text: str) -> Kind | None:
    found = _MARKUP.match(text.removeprefix("\ufeff"))
    if found is None:
        return None
    if found[1].lower() == "svg":
        return SVG
    if found[1].lower() == "?xml":
        return SVG if "<svg" in text else HTML if _ACTIVE.search(text) else XML
    return HTML
