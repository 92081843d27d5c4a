"""OpenSearch's storing side of one workspace's index, and its rebuilding without anyone noticing."""

from dataclasses import dataclass
from functools import partial

from cells.chat.domain.searching.indexing import ASKED, Begin, Indexing, Step
from cells.chat.domain.searching.progress_repository import Progress, ProgressBook
from cells.chat.search.opensearch import Cluster
from cells.chat.search.opensearch_store import Shelf
from cells.runtime.log import LoggedTenant, Transaction

NEXT = ":next"


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A change: begin to fill another index; the one in use stays in use until it is full. Nothing where that is under way."""

    engine: str
    home: str
    generation: int

    async def apply(self, tx: Transaction) -> Progress:
        book = ProgressBook(tx.connection, tx.scope)
        under_way = await book.get(self.engine + NEXT)
        if under_way is not None:
            return under_way
        tx.append(ASKED)
        return await Begin(self.engine + NEXT, self.home, self.generation, again=True).apply(tx)


@dataclass(frozen=True, slots=True)
class TakeOver:
    """A change: what was filled beside is what is kept from now on."""

    engine: str

    async def apply(self, tx: Transaction) -> None:
        book = ProgressBook(tx.connection, tx.scope)
        following = await book.get(self.engine + NEXT)
        if following is not None:
            await book.remove(self.engine + NEXT)
            await book.put(replace_engine(following, self.engine))


def replace_engine(progress: Progress, engine: str) -> Progress:
    place = (progress.seq, progress.after_channel, progress.after_us, progress.scanned)
    return Progress(engine, *place, progress.generation, progress.documents, progress.home)


class OpenSearchSink:
    page_size = 500

    def __init__(self, cluster: Cluster, own_index_documents: int, *, rebuilding: bool = False) -> None:
        self._cluster = cluster
        self._own_index_documents = own_index_documents
        self.engine = engine_of(cluster) + (NEXT if rebuilding else "")

    def beginning(self, tenant: LoggedTenant) -> Begin:
        return Begin(self.engine, self.home(tenant, 0, 0))

    def home(self, tenant: LoggedTenant, generation: int, documents: int) -> str:
        """Big workspaces have an index of their own."""
        names = self._cluster.names
        big = documents >= self._own_index_documents
        return names.own(tenant.scope.workspace_id, generation) if big else names.pool(generation)

    def is_cramped(self, tenant: LoggedTenant, progress: Progress) -> bool:
        """It has grown too big to share an index."""
        own = self._cluster.names.is_own(progress.home, tenant.scope.workspace_id)
        return progress.documents >= self._own_index_documents and not own

    def shelf(self, tenant: LoggedTenant, home: str) -> Shelf:
        return Shelf(self._cluster, tenant.scope.workspace_id, home)

    async def send(self, tenant: LoggedTenant, step: Step) -> dict[str, str]:
        return await self.shelf(tenant, step.before.home).put(step.messages, step.files)

    async def store(self, tx: Transaction, step: Step) -> None:
        """What it holds is outside; what it held against a document is forgiven with the next one that it takes."""
        told = [f"{tx.scope.workspace_id}:message:{d.place}:{d.ts_us}" for d in step.messages.stored]
        told += [f"{tx.scope.workspace_id}:file:{d.place}:0" for d in step.files.stored]
        await ProgressBook(tx.connection, tx.scope).forgive(self.engine, told)

    def on_stored(self, tenant: LoggedTenant, step: Step) -> None:
        pass


def engine_of(cluster: Cluster) -> str:
    """By the cell: where a workspace comes from, its index stays behind, and is built anew where it went."""
    return f"opensearch:{cluster.names.prefix}"


class Keeping:
    """One workspace's index: kept in step, rebuilt when asked for or when it outgrew its place."""

    def __init__(self, cluster: Cluster, own_index_documents: int) -> None:
        make = partial(OpenSearchSink, cluster, own_index_documents)
        self._sink, self._next_sink = make(), make(rebuilding=True)
        self._indexing, self._next = Indexing(self._sink), Indexing(self._next_sink)

    async def open(self, tenant: LoggedTenant) -> None:
        """Before the first step: an index that is gone (a new cluster, a workspace that came back) is begun anew."""
        progress = await self._indexing.progress(tenant)
        shelf = self._sink.shelf(tenant, progress.home)
        await shelf.make()
        if not await shelf.is_shown():
            await shelf.drop()
            await shelf.make()
            await tenant.commit(Begin(self._sink.engine, progress.home, progress.generation, again=True))
            await shelf.show()

    async def step(self, tenant: LoggedTenant) -> bool:
        """Whether there was anything to do."""
        done = await self._indexing.step(tenant)
        if await self._under_way(tenant):
            return await self._rebuild_on(tenant) or done
        progress = await self._indexing.progress(tenant)
        if progress.scanned and self._sink.is_cramped(tenant, progress):
            await self.rebuild(tenant)
            return True
        return done

    async def rebuild(self, tenant: LoggedTenant) -> None:
        """Ask for it; done by `step`."""
        progress = await self._indexing.progress(tenant)
        generation = progress.generation + 1
        await tenant.commit(Rebuild(self._sink.engine, self._sink.home(tenant, generation, progress.documents), generation))

    async def drop(self, tenant: LoggedTenant, home: str) -> None:
        await self._sink.shelf(tenant, home).drop()

    async def _under_way(self, tenant: LoggedTenant) -> bool:
        async with tenant.reading() as connection:
            return await ProgressBook(connection, tenant.scope).get(self._next_sink.engine) is not None

    async def _rebuild_on(self, tenant: LoggedTenant) -> bool:
        progress = await self._next.progress(tenant)
        shelf = self._next_sink.shelf(tenant, progress.home)
        if progress.after_channel == "" and progress.after_us == -1 and not progress.scanned:
            await shelf.drop()
            await shelf.make()
        if await self._next.step(tenant):
            return True
        await shelf.refresh()
        before = (await self._indexing.progress(tenant)).home
        await shelf.show()
        await tenant.commit(TakeOver(self._sink.engine))
        if before != progress.home:
            await self.drop(tenant, before)
        return True
