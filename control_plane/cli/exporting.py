"""waggle workspace export: pieces come from the workspace's cell and go into a zip file as they come."""

import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from control_plane.cli.asking import Admin
from control_plane.cli.carrying import exchange
from control_plane.cli.errors import CliError
from protos.exchange.v1 import exchange_pb2

VERB = "workspace.export"
COMPRESSION = 6
NOTES_KEPT_MAX = 10_000


@dataclass
class Exported:
    path: Path
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[dict[str, str]] = field(default_factory=list)
    bytes: int = 0

    def shown(self) -> dict[str, Any]:
        return {"path": str(self.path), "bytes": self.bytes, "counts": self.counts, "notes": self.notes}


async def export(admin: Admin, workspace: str, path: Path, *, base: str, without_files: bool, on_entry: Callable[[str], None]) -> Exported:
    """The file is there when it is whole; until then it is `<name>.part`. Raises CliError."""
    exported, part = Exported(path), path.with_name(f"{path.name}.part")
    try:
        with (
            zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive,
            Filling(archive, exported, on_entry) as filling,
        ):
            async for piece in _answers(admin, workspace, base, without_files):
                filling.add(piece)
        exported.bytes = part.stat().st_size
        part.replace(path)
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return exported


async def _answers(admin: Admin, workspace: str, base: str, without_files: bool) -> AsyncIterator[exchange_pb2.ExportPiece]:
    async def wanted() -> AsyncIterator[bytes]:
        yield exchange_pb2.ExportWanted(without_files=without_files, base=base).SerializeToString()

    async for body in exchange(admin, workspace, VERB, wanted()):
        for piece in exchange_pb2.ExportAnswer.FromString(body).pieces:
            yield piece


class Filling:
    """Pieces into a zip file, entry after entry."""

    def __init__(self, archive: zipfile.ZipFile, exported: Exported, on_entry: Callable[[str], None] = lambda _: None) -> None:
        self._archive, self._exported, self._on_entry = archive, exported, on_entry
        self._entry: IO[bytes] | None = None

    def __enter__(self) -> "Filling":
        return self

    def __exit__(self, *_: object) -> None:
        if self._entry is not None:
            self._entry.close()

    def add(self, piece: exchange_pb2.ExportPiece) -> None:
        if piece.name:
            self.__exit__()
            self._entry = self._archive.open(piece.name, "w", force_zip64=True)
            self._on_entry(piece.name)
        if piece.body and self._entry is not None:
            self._entry.write(piece.body)
        self._exported.counts |= dict(sorted(piece.counts.items()))
        for note in piece.notes[: max(0, NOTES_KEPT_MAX - len(self._exported.notes))]:
            self._exported.notes.append({"kind": note.kind, "what": note.what, "why": note.why})
