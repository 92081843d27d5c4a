"""waggle workspace import: a Slack export goes to the workspace's cell, batch by batch, from where the last one got to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from control_plane.cli.archives.batches import batches, stretches, uploads
from control_plane.cli.archives.opening import Archive
from control_plane.cli.asking import Admin
from control_plane.cli.carrying import again_and_again, exchange
from protos.exchange.v1 import exchange_pb2

VERB = "workspace.import"
SENT_AHEAD_MAX = 4
"""Batches on their way: the cell has the next one when it is done with one, and memory stays small."""
NOTES_KEPT_MAX = 10_000


@dataclass
class Outcome:
    counts: dict[str, int] = field(default_factory=dict)
    skipped: list[dict[str, str]] = field(default_factory=list)
    skipped_number: int = 0
    place: tuple[int, int] = (0, 0)
    resumed: bool = False

    def shown(self) -> dict[str, Any]:
        more = self.skipped_number - len(self.skipped)
        return {"counts": self.counts, "notes": self.skipped, **({"more_notes": more} if more else {}), "resumed": self.resumed}


@dataclass
class Carrier:
    """One import, over as many streams as it takes."""

    admin: Admin
    workspace: str
    archive: Archive
    on_progress: Callable[[Outcome], None]
    report: IO[str] | None = None
    outcome: Outcome = field(default_factory=Outcome)

    async def carry(self) -> Outcome:
        return await again_and_again(self._attempt, lambda: self.outcome.place)

    async def _attempt(self) -> Outcome:
        standing: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        room = asyncio.Semaphore(SENT_AHEAD_MAX)
        self.outcome.skipped, self.outcome.skipped_number = [], 0
        async for body in exchange(self.admin, self.workspace, VERB, self._parts(standing, room)):
            answer = exchange_pb2.ImportAnswer.FromString(body)
            if answer.notes:
                self._keep(answer)
                continue
            self.outcome.place = (answer.place.entry, answer.place.line)
            self.outcome.counts = dict(sorted(answer.counts.items()))
            if standing.done():
                room.release()
            else:
                self.outcome.resumed = self.outcome.place > (0, 0)
                standing.set_result(self.outcome.place)
            self.on_progress(self.outcome)
        return self.outcome

    async def _parts(self, standing: "asyncio.Future[tuple[int, int]]", room: asyncio.Semaphore) -> AsyncIterator[bytes]:
        held = [stretch.folder for stretch in stretches(self.archive) if stretch.kind == "uploads"]
        begin = exchange_pb2.Begin(import_id=self.archive.fingerprint, name=self.archive.path.name, uploads=held)
        yield exchange_pb2.ImportPart(begin=begin).SerializeToString()
        place = await standing
        for batch in batches(self.archive, place):
            await room.acquire()
            yield exchange_pb2.ImportPart(batch=batch).SerializeToString()
        for upload in uploads(self.archive, place):
            await room.acquire()
            yield exchange_pb2.ImportPart(upload=upload).SerializeToString()
        yield exchange_pb2.ImportPart(finish=exchange_pb2.Finish()).SerializeToString()

    def _keep(self, answer: exchange_pb2.ImportAnswer) -> None:
        notes = [{"kind": note.kind, "what": note.what, "why": note.why} for note in answer.notes]
        self.outcome.skipped_number += len(notes)
        self.outcome.skipped.extend(notes[: max(0, NOTES_KEPT_MAX - len(self.outcome.skipped))])
        if self.report is not None:
            self.report.writelines(json.dumps(note, ensure_ascii=False) + "\n" for note in notes)


def report_file(path: Path | None) -> "IO[str] | None":
    return path.open("w", encoding="utf-8") if path else None
