"""An export in batches, from any place on: people, then conversations, then what was said, folder by folder, then files."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from control_plane.cli.archives.elements import Broken, elements
from control_plane.cli.archives.opening import Archive, BadArchive, Entry
from protos.exchange.v1 import exchange_pb2

KINDS = ("users", "channels", "groups", "mpims", "dms")
ITEMS_MAX = {"users": 100, "channels": 50, "groups": 50, "mpims": 100, "dms": 200, "messages": 1_000}
BATCH_BYTES_MAX = 1 << 20
PIECE_BYTES = 256 << 10
_UPLOAD = re.compile(r"__uploads/(?P<id>F[A-Z0-9]{4,30})/[^/]+")
_DAY = re.compile(r"(?P<folder>[^/]+)/[^/]*\.json")


@dataclass(frozen=True, slots=True)
class Stretch:
    """An entry that is taken, and what of."""

    kind: str
    folder: str
    """Of an upload: its file's id."""
    entry: Entry


def check_export(archive: Archive) -> None:
    """Raises BadArchive for a zip file of something else: it would be taken, and nothing come of it."""
    if not any(f"{kind}.json" in archive.entries for kind in KINDS[1:]):
        raise BadArchive(f"{archive.path} is no Slack export: none of channels.json, groups.json, mpims.json and dms.json is in it")


def stretches(archive: Archive) -> list[Stretch]:
    """The same order each time."""
    found = [Stretch(kind, "", archive.entries[f"{kind}.json"]) for kind in KINDS if f"{kind}.json" in archive.entries]
    for name in sorted(archive.entries):
        day = _DAY.fullmatch(name)
        if day:
            found.append(Stretch("messages", day["folder"], archive.entries[name]))
    uploads = [(name, upload["id"]) for name in sorted(archive.entries) if (upload := _UPLOAD.fullmatch(name))]
    return found + [Stretch("uploads", file_id, archive.entries[name]) for name, file_id in uploads]


def passed_over(archive: Archive) -> list[exchange_pb2.Note]:
    """Entries that hold nothing an import takes."""
    taken = {stretch.entry.name for stretch in stretches(archive)}
    return [
        exchange_pb2.Note(kind="entry", what=name, why="logs of integrations are not taken" if "integration" in name else "not taken")
        for name in sorted(archive.entries.keys() - taken)
    ]


@dataclass(slots=True)
class _Open:
    """The batch that is being filled."""

    start: tuple[int, int]
    kind: str = ""
    items: int = 0
    size: int = 0
    slices: list[exchange_pb2.Slice] = field(default_factory=list)
    notes: list[exchange_pb2.Note] = field(default_factory=list)

    def add(self, stretch: Stretch, line: int, item: bytes) -> None:
        last = self.slices[-1] if self.slices else None
        if last is None or last.file != stretch.entry.name:
            last = exchange_pb2.Slice(kind=stretch.kind, folder=stretch.folder, file=stretch.entry.name, line=line)
            self.slices.append(last)
        last.items.append(item)
        self.kind = stretch.kind
        self.items += 1
        self.size += len(item)

    def is_full(self) -> bool:
        return self.items >= ITEMS_MAX.get(self.kind, 1) or self.size >= BATCH_BYTES_MAX

    def closed(self, end: tuple[int, int]) -> exchange_pb2.Batch:
        batch = exchange_pb2.Batch(to=_place(end), slices=self.slices, notes=self.notes)
        getattr(batch, "from").CopyFrom(_place(self.start))
        return batch


def batches(archive: Archive, start: tuple[int, int]) -> Iterator[exchange_pb2.Batch]:
    """From (entry, line) on. A batch holds one kind, so that each kind is stored before the next one is read."""
    plan = stretches(archive)
    filling = _Open(start)
    if start == (0, 0):
        filling.notes.extend(passed_over(archive))
    said = sum(stretch.kind != "uploads" for stretch in plan)
    for number in range(start[0], said):
        stretch, line = plan[number], start[1] if number == start[0] else 0
        if filling.slices and filling.kind != stretch.kind:
            yield filling.closed((number, 0))
            filling = _Open((number, 0))
        for item in _items(archive, stretch, line, filling):
            filling.add(stretch, line, item)
            line += 1
            if filling.is_full():
                yield filling.closed((number, line))
                filling = _Open((number, line))
    if filling.start < (said, 0):
        yield filling.closed((said, 0))


def uploads(archive: Archive, start: tuple[int, int]) -> Iterator[exchange_pb2.Upload]:
    """Contents of files from (entry, 0) on, in pieces."""
    plan = stretches(archive)
    for number in range(start[0], len(plan)):
        if plan[number].kind == "uploads":
            yield from _pieces(archive, plan[number], number)


def _pieces(archive: Archive, stretch: Stretch, number: int) -> Iterator[exchange_pb2.Upload]:
    name = stretch.entry.name.rpartition("/")[2]
    with archive.zip.open(stretch.entry.info) as file:
        piece = file.read(PIECE_BYTES)
        while following := file.read(PIECE_BYTES):
            yield exchange_pb2.Upload(file_id=stretch.folder, name=name, body=piece)
            piece = following
    last = exchange_pb2.Upload(file_id=stretch.folder, name=name, body=piece, last=True, to=_place((number + 1, 0)))
    getattr(last, "from").CopyFrom(_place((number, 0)))
    yield last


def _items(archive: Archive, stretch: Stretch, skipped: int, filling: _Open) -> Iterator[bytes]:
    """What cannot be read is a note of the batch that it would have been in."""
    number = 0
    try:
        with archive.zip.open(stretch.entry.info) as file:
            for item in elements(file):
                number += 1
                if number > skipped:
                    yield item
    except Broken as error:
        filling.notes.append(_lost(stretch, number, error.said))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        filling.notes.append(_lost(stretch, number, f"the zip file is damaged: {error}"))


def _lost(stretch: Stretch, number: int, why: str) -> exchange_pb2.Note:
    return exchange_pb2.Note(kind="entry", what=f"{stretch.entry.name} after item {number}", why=why)


def _place(place: tuple[int, int]) -> exchange_pb2.Place:
    return exchange_pb2.Place(entry=place[0], line=place[1])
