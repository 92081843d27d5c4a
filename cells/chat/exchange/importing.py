"""`workspace.import`: an archive comes in, part by part; each answer says how far it is taken."""

from collections.abc import AsyncIterator

from google.protobuf.message import DecodeError

from cells.chat.domain.imports.errors import BadArchivePart
from cells.chat.domain.imports.past import Past
from cells.chat.domain.imports.repository import Imports
from cells.chat.domain.imports.standing import Import
from cells.chat.exchange.batches import Batch, read_batch
from cells.chat.exchange.receiving import Receiving
from cells.chat.exchange.storing import BeginImport, FinishImport, StoreBatch
from cells.chat.files.intake import Intake
from cells.runtime.workload import Tenant
from protos.exchange.v1 import exchange_pb2

NAME_LENGTH_MAX = 200
IMPORT_ID_LENGTH = 64


async def import_archive(intake: Intake, tenant: Tenant, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """One part at a time is in memory. Raises BadArchivePart, ImportElsewhere, NotExecuted; what was answered is stored."""
    begin = _part(await anext(parts, b"")).begin
    standing, uploads = await tenant.commit(_beginning(begin)), frozenset(begin.uploads)
    known, receiving = await _known(tenant), Receiving(tenant, intake)
    yield _answer(standing)
    try:
        async for sent in parts:
            part = _part(sent)
            match part.WhichOneof("what"):
                case "batch":
                    batch = read_batch(part.batch, standing.mapping)
                    standing = await tenant.commit(StoreBatch(standing.import_id, batch, known, uploads))
                    known = _grown(known, batch)
                case "upload":
                    standing = await receiving.take(standing.import_id, part.upload) or standing
                case "finish":
                    standing = await tenant.commit(FinishImport(standing.import_id))
                    async for page in _told(tenant, standing):
                        yield page
                    return
                case _:
                    raise BadArchivePart("a part of an import is a batch, a piece of a file, or the end")
            yield _answer(standing)
    finally:
        await receiving.abandon()


def _part(sent: bytes) -> exchange_pb2.ImportPart:
    try:
        return exchange_pb2.ImportPart.FromString(sent)
    except DecodeError as error:
        raise BadArchivePart("a part of an import cannot be read") from error


def _beginning(begin: exchange_pb2.Begin) -> BeginImport:
    if len(begin.import_id) != IMPORT_ID_LENGTH or not begin.import_id.isalnum():
        raise BadArchivePart("an import is named by the archive's SHA-256")
    return BeginImport(begin.import_id, begin.name[:NAME_LENGTH_MAX].replace("\x00", ""))


async def _known(tenant: Tenant) -> frozenset[str]:
    async with tenant.reading() as connection:
        return frozenset(await Past(connection, tenant.scope).user_ids())


def _grown(known: frozenset[str], batch: Batch) -> frozenset[str]:
    """A user who was matched with another is unknown still: their id is of use to nobody."""
    more = batch.people - known
    return known | more if more else known


async def _told(tenant: Tenant, standing: Import) -> AsyncIterator[bytes]:
    """Every note, then the end."""
    after = 0
    while after < standing.notes:
        async with tenant.reading() as connection:
            page = await Imports(connection, tenant.scope).notes(standing.import_id, after)
        if not page:
            break
        after += len(page)
        notes = [exchange_pb2.Note(kind=note.kind, what=note.what, why=note.why) for note in page]
        yield exchange_pb2.ImportAnswer(notes=notes).SerializeToString()
    yield _answer(standing, finished=True)


def _answer(standing: Import, *, finished: bool = False) -> bytes:
    place = exchange_pb2.Place(entry=standing.place.entry, line=standing.place.line)
    done = finished or bool(standing.finished_us)
    return exchange_pb2.ImportAnswer(place=place, counts=standing.counts, finished=done).SerializeToString()
