"""A file as a fact: what it is, how far its upload has come, what was made of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

import msgspec

from chassis.identity import UserId

FileId = NewType("FileId", str)
UNKNOWN_SIZE = -1
"""Of an upload whose length nobody announced (the legacy way)."""


class FileState(StrEnum):
    OPEN = "open"
    """An address to upload to was given out."""
    RECEIVED = "received"
    """The bytes are in the store; nobody but the uploader knows."""
    READY = "ready"
    DELETED = "deleted"


class Scan(StrEnum):
    """What the virus scanner said; nothing is handed out before it, where there is one."""

    NONE = "none"
    PENDING = "pending"
    CLEAN = "clean"
    INFECTED = "infected"

    @property
    def withheld(self) -> bool:
        return self in (Scan.PENDING, Scan.INFECTED)


class Thumb(msgspec.Struct, frozen=True):
    key: str
    width: int
    height: int
    mimetype: str = "image/png"
    size: int = 0


class Media(msgspec.Struct, frozen=True):
    """What was seen in an image. Thumbnails by their longest edge in pixels."""

    width: int = 0
    height: int = 0
    thumbs: dict[str, Thumb] = {}


@dataclass(frozen=True, slots=True)
class File:
    file_id: FileId
    user_id: UserId
    name: str
    title: str
    size: int
    """Bytes; as announced until they are here."""
    mimetype: str
    filetype: str
    mode: str
    state: FileState
    object_key: str
    etag: str
    alt_txt: str
    public_secret: str
    """Empty: no public address."""
    scan: Scan
    preview: str
    """The first lines of a text."""
    media: Media
    created_us: int
    expires_us: int
    """Until when an upload must be completed; 0 once it is."""
    attempts: int = 0
    """At looking into it, by workers."""

    @property
    def keys(self) -> list[str]:
        """Everything in the store that hangs on it."""
        return [key for key in (self.object_key, *(thumb.key for thumb in self.media.thumbs.values())) if key]


@dataclass(frozen=True, slots=True)
class Share:
    """Where a file was shared: one message."""

    file_id: FileId
    channel_id: str
    ts_us: int
    thread_us: int | None
    user_id: UserId
    kind: str = ""
    """Of the channel, where it was read along."""


@dataclass(frozen=True, slots=True)
class Content:
    """What came in, once it is in the store whole."""

    object_key: str
    size: int
    etag: str
    """SHA-256, hex."""
    mimetype: str
    filetype: str
    mode: str
    preview: str = ""
