"""A zip file that somebody hands in: nothing in it is believed, and what could hurt is refused before anything is read.

Zips are never unpacked to disk. Refused as a whole: names that would leave a folder, links, encryption, entries that lie
over one another, and sizes that no export has (https://www.bamsoftware.com/hacks/zipbomb/).
"""

import hashlib
import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from control_plane.cli.errors import CliError

DIRECTORY_BYTES_MAX = 256 << 20
ENTRIES_MAX = 2_000_000
UNPACKED_BYTES_MAX = 1 << 40
RATIO_MAX = 200
"""Unpacked to packed, of entries over a mebibyte; JSON of messages comes to 5 to 30."""
RATIO_FROM_BYTES = 1 << 20
NAME_LENGTH_MAX = 1_000
_END = struct.Struct("<4s4H2LH")
_END_TAIL_BYTES_MAX = _END.size + 0xFFFF
_UTF8_NAME, _ENCRYPTED = 0x800, 0x1
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class BadArchive(CliError):
    code = "bad_archive"


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    """As its writer meant it, without the folder that everything may lie in."""
    info: zipfile.ZipInfo


@dataclass(frozen=True)
class Archive:
    path: Path
    zip: zipfile.ZipFile
    entries: dict[str, Entry]
    fingerprint: str
    """SHA-256 of what is in it: the same for the same content."""


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Raises BadArchive."""
    try:
        _check_end(path)
        with zipfile.ZipFile(path) as opened:
            entries = _entries(opened)
            yield Archive(path, opened, entries, _fingerprint(entries))
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise BadArchive(f"{path} is no zip file that can be read: {error}") from None
    except OSError as error:
        raise BadArchive(f"{path} cannot be read: {error.strerror or error}") from None


def _check_end(path: Path) -> None:
    """How large the table of contents says it is, before all of it is read."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_TAIL_BYTES_MAX))
        tail = file.read(_END_TAIL_BYTES_MAX)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise BadArchive(f"{path} is no zip file")
    bytes_said = _END.unpack_from(tail, at)[5]
    if min(size, bytes_said) > DIRECTORY_BYTES_MAX:
        raise BadArchive(f"{path}: its table of contents has more than {DIRECTORY_BYTES_MAX >> 20} MiB")


def _entries(opened: zipfile.ZipFile) -> dict[str, Entry]:
    infos = opened.infolist()
    if len(infos) > ENTRIES_MAX:
        raise BadArchive(f"more than {ENTRIES_MAX} entries")
    _check_sizes(infos)
    _check_overlaps(infos)
    named = [(_checked_name(info), info) for info in infos if not info.is_dir()]
    top = _common_folder([name for name, _ in named])
    found: dict[str, Entry] = {}
    for name, info in named:
        if name.startswith("__MACOSX/") or not name.startswith(top):
            continue
        short = name[len(top) :]
        if short in found:
            raise BadArchive(f"{short!r} stands in it twice")
        found[short] = Entry(short, info)
    return found


def _check_sizes(infos: list[zipfile.ZipInfo]) -> None:
    for info in infos:
        if info.flag_bits & _ENCRYPTED:
            raise BadArchive(f"{info.filename!r} is encrypted")
        if info.compress_type not in _PACKINGS:
            raise BadArchive(f"{info.filename!r} is packed in a way that exports do not use")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise BadArchive(f"{info.filename!r} is a link")
        if info.file_size > RATIO_FROM_BYTES and info.file_size > info.compress_size * RATIO_MAX:
            raise BadArchive(f"{info.filename!r} unpacks to {info.file_size / max(1, info.compress_size):.0f} times its size: a zip bomb")
    if sum(info.file_size for info in infos) > UNPACKED_BYTES_MAX:
        raise BadArchive(f"it unpacks to more than {UNPACKED_BYTES_MAX >> 40} TiB: a zip bomb")


def _check_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    """One stretch of bytes that many entries share unpacks to any size."""
    end, before = 0, ""
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise BadArchive(f"{info.filename!r} lies over {before!r}: a zip bomb")
        end, before = info.header_offset + 30 + info.compress_size, info.filename


def _checked_name(info: zipfile.ZipInfo) -> str:
    name = _meant(info)
    steps = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in steps or ":" in steps[0] or "\x00" in name or len(name) > NAME_LENGTH_MAX:
        raise BadArchive(f"{name[:100]!r} would leave its folder")
    return name


def _meant(info: zipfile.ZipInfo) -> str:
    """Names that do not say they are UTF-8 are read as code page 437; most writers meant UTF-8 all the same."""
    if info.flag_bits & _UTF8_NAME:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _common_folder(names: list[str]) -> str:
    """Who packs an unpacked export again often packs the folder around it."""
    if "channels.json" in names or "users.json" in names:
        return ""
    tops = [name.removesuffix("users.json") for name in names if name.endswith("/users.json") and name.count("/") == 1]
    return tops[0] if len(tops) == 1 else ""


def _fingerprint(entries: dict[str, Entry]) -> str:
    digest = hashlib.sha256()
    for name in sorted(entries):
        info = entries[name].info
        digest.update(f"{name}\x00{info.file_size}\x00{info.CRC}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
